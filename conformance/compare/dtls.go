package main

import (
	"bytes"
	"context"
	"crypto/x509"
	"fmt"
	"net"
	"net/netip"
	"strings"

	piondtls "github.com/pion/dtls/v3"
	"github.com/pion/dtls/v3/pkg/crypto/elliptic"
	"github.com/plgd-dev/go-coap/v3/dtls"
	dtlsserver "github.com/plgd-dev/go-coap/v3/dtls/server"
	"github.com/plgd-dev/go-coap/v3/message"
	"github.com/plgd-dev/go-coap/v3/message/codes"
	"github.com/plgd-dev/go-coap/v3/message/pool"
	"github.com/plgd-dev/go-coap/v3/mux"
	coapnet "github.com/plgd-dev/go-coap/v3/net"
	"github.com/plgd-dev/go-coap/v3/net/blockwise"
	"github.com/plgd-dev/go-coap/v3/options"
	udpclient "github.com/plgd-dev/go-coap/v3/udp/client"
)

func aboutDTLS(use string) func() string {
	return func() string {
		return "pion/dtls " + version("github.com/pion/dtls/v3") + " and go-coap " + version("github.com/plgd-dev/go-coap/v3") +
			", DTLS 1.2 with ECDHE X25519, server by ECDSA P-256: not post-quantum; " + use
	}
}

// A dtlsPeer is go-coap's server over pion's DTLS.
type dtlsPeer struct {
	post     bool // a large POST instead of a small GET
	listener *coapnet.DTLSListener
	server   *dtlsserver.Server
	pool     *x509.CertPool
	stopped  chan error
}

// Timers are those of the libraries, but for the limits on a whole handshake, on a block-wise
// transfer (3 s) and on silence (16 s): giving up is this command's to decide.
var transferLimit = options.WithBlockwise(true, blockwise.SZX1024, patience)

func serveDTLS(post bool) func() (peer, error) {
	return func() (peer, error) {
		certificate, pool, err := newCertificate()
		if err != nil {
			return nil, err
		}
		p := &dtlsPeer{post: post, pool: pool, stopped: make(chan error, 1)}
		p.listener, err = coapnet.NewDTLSListener("udp4", "127.0.0.1:0", coapnet.NewDTLSServerOptions(
			piondtls.WithCertificates(certificate),
			piondtls.WithEllipticCurves(elliptic.X25519),
		))
		if err != nil {
			return nil, err
		}
		p.server = dtls.NewServer(
			options.WithMux(mux.HandlerFunc(answerDTLS)),
			options.WithErrors(func(error) {}), // they show at the client
			options.WithDTLSHandshakeTimeout(patience),
			options.WithInactivityMonitor(patience, func(c *udpclient.Conn) { c.Close() }),
			transferLimit,
		)
		go func() { p.stopped <- p.server.Serve(p.listener) }()
		return p, nil
	}
}

func answerDTLS(w mux.ResponseWriter, r *mux.Message) {
	answer := []byte(smallBody)
	if r.Code() == codes.POST {
		body, err := r.ReadBody()
		if err == nil && len(body) != largeBody {
			w.SetResponse(codes.Changed, message.TextPlain, nil)
			return
		}
		if err != nil {
			w.SetResponse(codes.BadRequest, message.TextPlain, nil)
			return
		}
		answer = make([]byte, largeBody)
	}
	w.SetResponse(codes.Content, message.AppOctets, bytes.NewReader(answer))
}

func (p *dtlsPeer) addr() netip.AddrPort {
	return addrOf(p.listener.Addr())
}

// enrol returns what dials for all: no client has an identity.
func (p *dtlsPeer) enrol() (client, error) { return p, nil }

func (p *dtlsPeer) close() {
	p.server.Stop()
	<-p.stopped
}

func (p *dtlsPeer) dial(ctx context.Context, socket *net.UDPConn, server netip.AddrPort) (session, error) {
	conn, err := piondtls.ClientWithOptions(socket, net.UDPAddrFromAddrPort(server),
		piondtls.WithRootCAs(p.pool),
		piondtls.WithServerName(serverName),
		piondtls.WithEllipticCurves(elliptic.X25519),
	)
	if err != nil {
		socket.Close()
		return nil, err
	}
	if err := conn.HandshakeContext(ctx); err != nil {
		conn.Close()
		return nil, err
	}
	if err := checkDTLS(conn); err != nil {
		conn.Close()
		return nil, err
	}
	over := dtls.Client(conn, options.WithCloseSocket(), options.WithErrors(func(error) {}), transferLimit)
	return &dtlsSession{over, p.post}, nil
}

// checkDTLS fails unless the cipher suite is one that names ECDHE and ECDSA, as those of
// DTLS 1.2 do and those of DTLS 1.3 do not.
func checkDTLS(conn *piondtls.Conn) error {
	state, ok := conn.ConnectionState()
	if name := piondtls.CipherSuiteName(state.CipherSuiteID); !ok || !strings.HasPrefix(name, "TLS_ECDHE_ECDSA_") {
		return fmt.Errorf("cipher suite is %s, want ECDHE with ECDSA", name)
	}
	return nil
}

type dtlsSession struct {
	client *udpclient.Conn
	post   bool
}

func (s *dtlsSession) ask(ctx context.Context) error {
	answer, err := s.request(ctx)
	if err != nil {
		return err
	}
	defer s.client.ReleaseMessage(answer)
	if answer.Code() != codes.Content {
		return fmt.Errorf("answered %v", answer.Code())
	}
	body, err := answer.ReadBody()
	if err != nil {
		return err
	}
	return checkAnswer(body, s.post)
}

func (s *dtlsSession) send(ctx context.Context, body []byte) error {
	answer, err := s.client.Post(ctx, "/", message.AppOctets, bytes.NewReader(body))
	if err != nil {
		return err
	}
	defer s.client.ReleaseMessage(answer)
	return checkChanged(answer.Code())
}

func (s *dtlsSession) request(ctx context.Context) (*pool.Message, error) {
	if s.post {
		return s.client.Post(ctx, "/", message.AppOctets, bytes.NewReader(make([]byte, largeBody)))
	}
	return s.client.Get(ctx, "/")
}

func (s *dtlsSession) close() { s.client.Close() }
