package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/netip"

	"github.com/quic-go/quic-go"
)

const alpn = "compare"

func aboutQUIC(use string) func() string {
	return func() string {
		return "quic-go " + version("github.com/quic-go/quic-go") +
			", QUIC v1, TLS 1.3 with X25519MLKEM768, server by ECDSA P-256; " + use
	}
}

// quicConfig keeps quic-go's timers, but for the limits on silence: giving up is this command's.
// Probes for a larger MTU are off: they would count as bytes.
var quicConfig = &quic.Config{HandshakeIdleTimeout: patience, MaxIdleTimeout: patience, DisablePathMTUDiscovery: true}

// A quicPeer is a QUIC server.
type quicPeer struct {
	transport *quic.Transport
	listener  *quic.Listener
	pool      *x509.CertPool
	done      chan struct{}
}

func serveQUIC(retry bool) func() (peer, error) {
	return func() (peer, error) {
		certificate, pool, err := newCertificate()
		if err != nil {
			return nil, err
		}
		socket, err := listenLoopback()
		if err != nil {
			return nil, err
		}
		p := &quicPeer{transport: &quic.Transport{Conn: socket}, pool: pool, done: make(chan struct{})}
		p.transport.VerifySourceAddress = func(net.Addr) bool { return retry }
		p.listener, err = p.transport.Listen(&tls.Config{
			Certificates:           []tls.Certificate{certificate},
			NextProtos:             []string{alpn},
			SessionTicketsDisabled: true, // the clients forget them, so they would only be bytes
		}, quicConfig)
		if err != nil {
			socket.Close()
			return nil, err
		}
		go p.accept()
		return p, nil
	}
}

func (p *quicPeer) accept() {
	defer close(p.done)
	for {
		conn, err := p.listener.Accept(context.Background())
		if err != nil {
			return
		}
		go answerQUIC(conn)
	}
}

// answerQUIC answers the one request of a connection. An error shows at the client.
func answerQUIC(conn *quic.Conn) {
	stream, err := conn.AcceptStream(conn.Context())
	if err != nil {
		return
	}
	defer stream.Close()
	if _, err := io.ReadAll(stream); err == nil {
		io.WriteString(stream, smallBody)
	}
}

func (p *quicPeer) addr() netip.AddrPort {
	return addrOf(p.listener.Addr())
}

// enrol returns what dials for all: no client has an identity.
func (p *quicPeer) enrol() (client, error) { return p, nil }

func (p *quicPeer) close() {
	p.listener.Close()
	<-p.done
	p.transport.Close()
	p.transport.Conn.Close()
}

func (p *quicPeer) dial(ctx context.Context, socket *net.UDPConn, server netip.AddrPort) (session, error) {
	s := &quicSession{transport: &quic.Transport{Conn: socket}}
	config := &tls.Config{RootCAs: p.pool, ServerName: serverName, NextProtos: []string{alpn}}
	var err error
	if s.conn, err = s.transport.Dial(ctx, net.UDPAddrFromAddrPort(server), config, quicConfig); err != nil {
		s.close()
		return nil, err
	}
	if group := s.conn.ConnectionState().TLS.CurveID; group != tls.X25519MLKEM768 {
		s.close()
		return nil, fmt.Errorf("negotiated %v, want %v", group, tls.X25519MLKEM768)
	}
	return s, nil
}

type quicSession struct {
	transport *quic.Transport
	conn      *quic.Conn // nil where dialling failed
}

func (s *quicSession) ask(ctx context.Context) error {
	stream, err := s.conn.OpenStreamSync(ctx)
	if err != nil {
		return err
	}
	deadline, _ := ctx.Deadline()
	stream.SetDeadline(deadline)
	if _, err := io.WriteString(stream, smallBody); err != nil {
		return err
	}
	if err := stream.Close(); err != nil { // this side of it: the request is whole
		return err
	}
	answer, err := io.ReadAll(stream)
	if err != nil {
		return err
	}
	return checkAnswer(answer, false)
}

func (s *quicSession) close() {
	if s.conn != nil {
		s.conn.CloseWithError(0, "")
	}
	s.transport.Close()
	s.transport.Conn.Close()
}
