package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"

	"github.com/plgd-dev/go-coap/v3/message"

	"github.com/pqcoap/pqcoap/coap"
	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/node"
	"github.com/pqcoap/pqcoap/server"
)

// A pqcoapKind says how pqcoap is used.
type pqcoapKind struct {
	echo      bool // the server demands a proven address
	anonymous bool // mode none instead of kem
	post      bool // a large POST instead of a small GET
}

func aboutPQCoAP(mode string) func() string {
	return func() string { return "this tree, suite 1 (X-Wing: X25519 and ML-KEM-768), mode " + mode }
}

// A pqcoapPeer is pqcoap's server and the devices that it knows.
type pqcoapPeer struct {
	kind    pqcoapKind
	socket  netip.AddrPort
	key     *handshake.PrivateKey
	server  *server.Server
	devices sync.Map // of handshake.DeviceID to *handshake.PublicKey
	stopped chan error
}

func servePQCoAP(kind pqcoapKind) func() (peer, error) {
	return func() (peer, error) {
		p := &pqcoapPeer{kind: kind, stopped: make(chan error, 1)}
		var err error
		if p.key, err = handshake.GenerateKey(rand.Reader, handshake.XWing); err != nil {
			return nil, err
		}
		p.server, err = server.New(server.Config{
			Keys:       []*handshake.PrivateKey{p.key},
			Authorize:  p.authorize,
			Handler:    coap.HandlerFunc(answerPQCoAP),
			AlwaysEcho: kind.echo,
			Admission:  server.Admission{Burst: 1}, // no bounds
		})
		if err != nil {
			return nil, err
		}
		return p, p.start()
	}
}

func (p *pqcoapPeer) authorize(_ handshake.Suite, c handshake.ClientCredential) (server.Client, error) {
	if c.Mode == handshake.ModeNone {
		return server.Client{}, nil
	}
	key, ok := p.devices.Load(handshake.DeviceID(c.ID))
	if c.Mode != handshake.ModeKEM || !ok {
		return server.Client{}, errors.New("not enrolled")
	}
	return server.Client{Name: fmt.Sprintf("%x", c.ID), Key: key.(*handshake.PublicKey)}, nil
}

// enrol makes a device of its own for every run: a device's new session ends its old one.
func (p *pqcoapPeer) enrol() (client, error) {
	c := &pqcoapClient{p.kind, node.Config{Suite: handshake.XWing, Trust: p.key.ServerCredential()}}
	if p.kind.anonymous {
		return c, nil
	}
	var err error
	if c.config.Key, err = handshake.GenerateKey(rand.Reader, handshake.XWing); err != nil {
		return nil, err
	}
	public := c.config.Key.Public()
	p.devices.Store(public.DeviceID(), public)
	return c, nil
}

func answerPQCoAP(_ context.Context, r *coap.Request) *coap.Message {
	if r.Code != coap.POST {
		return coap.Content(message.TextPlain, []byte(smallBody))
	}
	if len(r.Payload) != largeBody {
		return coap.Status(coap.Changed)
	}
	return coap.Content(message.AppOctets, make([]byte, largeBody))
}

func (p *pqcoapPeer) start() error {
	socket, err := listenLoopback()
	if err != nil {
		return err
	}
	p.socket = addrOf(socket.LocalAddr())
	go func() { p.stopped <- p.server.Serve(socket) }()
	return nil
}

func (p *pqcoapPeer) addr() netip.AddrPort { return p.socket }

func (p *pqcoapPeer) close() {
	p.server.Close()
	<-p.stopped
}

// A pqcoapClient is a device.
type pqcoapClient struct {
	kind   pqcoapKind
	config node.Config
}

func (c *pqcoapClient) dial(ctx context.Context, socket *net.UDPConn, server netip.AddrPort) (session, error) {
	conn, err := node.DialOn(ctx, socket, server, c.config)
	if err != nil {
		return nil, err
	}
	want := handshake.ModeKEM
	if c.kind.anonymous {
		want = handshake.ModeNone
	}
	if s := conn.Session(); s == nil || s.Suite != handshake.XWing || s.Mode != want {
		conn.Close()
		return nil, fmt.Errorf("session is not of suite %v and mode %v", handshake.XWing, want)
	}
	return &pqcoapSession{conn, c.kind.post}, nil
}

type pqcoapSession struct {
	conn *node.Conn
	post bool
}

func (s *pqcoapSession) ask(ctx context.Context) error {
	answer, err := s.request(ctx)
	if err != nil {
		return err
	}
	if answer.Code != coap.ContentCode {
		return fmt.Errorf("answered %v", answer.Code)
	}
	return checkAnswer(answer.Payload, s.post)
}

func (s *pqcoapSession) send(ctx context.Context, body []byte) error {
	answer, err := s.conn.Post(ctx, "/", message.AppOctets, body)
	if err != nil {
		return err
	}
	return checkChanged(answer.Code)
}

func (s *pqcoapSession) request(ctx context.Context) (coap.Message, error) {
	if s.post {
		return s.conn.Post(ctx, "/", message.AppOctets, make([]byte, largeBody))
	}
	return s.conn.Get(ctx, "/")
}

func (s *pqcoapSession) close() { s.conn.Close() }
