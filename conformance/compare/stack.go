package main

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"runtime/debug"

	"github.com/plgd-dev/go-coap/v3/message/codes"
)

// A stack is one way to a secure first answer.
type stack struct {
	name        string
	about       func() string // version, protocol, key exchange
	postQuantum bool
	serve       func() (peer, error)
}

// A peer is a server at work.
type peer interface {
	addr() netip.AddrPort
	// enrol makes a client that the server knows as far as it knows any.
	enrol() (client, error)
	close()
}

// A client has a long-term identity and remembers nothing.
type client interface {
	// dial returns when the client's handshake is complete and has negotiated what the stack
	// says. The socket belongs to the session, and is closed when dial fails.
	dial(ctx context.Context, socket *net.UDPConn, server netip.AddrPort) (session, error)
}

// A session is a client's, after its handshake.
type session interface {
	// ask makes the stack's request and returns when the whole answer is there.
	ask(ctx context.Context) error
	close()
}

// A sender is a session that can send bodies of any size too. Who is none takes no part in -load.
type sender interface {
	session
	// send returns when the server has acknowledged the body.
	send(ctx context.Context, body []byte) error
}

// stacks are all there are, in the order of the table.
var stacks = []stack{
	{"pqcoap", aboutPQCoAP("kem: both sides authenticated; small GET"), true, servePQCoAP(pqcoapKind{})},
	{"pqcoap-echo", aboutPQCoAP("kem, with AlwaysEcho; small GET"), true, servePQCoAP(pqcoapKind{echo: true})},
	{"pqcoap-none", aboutPQCoAP("none: server authenticated; small GET"), true, servePQCoAP(pqcoapKind{anonymous: true})},
	{"pqcoap-post", aboutPQCoAP("kem; POST of 2 kB, answer of 2 kB"), true, servePQCoAP(pqcoapKind{post: true})},
	{"quic", aboutQUIC("small request on a stream"), true, serveQUIC(false)},
	{"quic-retry", aboutQUIC("with Retry; small request on a stream"), true, serveQUIC(true)},
	{"pion", aboutDTLS("small GET by go-coap"), false, serveDTLS(false)},
	{"go-coap", aboutDTLS("block-wise POST of 2 kB, answer of 2 kB, by go-coap"), false, serveDTLS(true)},
}

func stackNames() []string {
	names := make([]string, len(stacks))
	for i, s := range stacks {
		names[i] = s.name
	}
	return names
}

const (
	smallBody = "hello"
	largeBody = 2048 // of the POST and its answer, about as large as m1 and m2 of suite 1
)

// version returns that of a module which is linked.
func version(path string) string {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, m := range info.Deps {
			if m.Path == path {
				return m.Version
			}
		}
	}
	return "of unknown version"
}

// checkAnswer fails where an answer is not what the servers here give.
func checkAnswer(got []byte, post bool) error {
	want := len(smallBody)
	if post {
		want = largeBody
	}
	if len(got) != want {
		return fmt.Errorf("answer of %d bytes, want %d", len(got), want)
	}
	return nil
}

// checkChanged fails where a body was not taken.
func checkChanged(code codes.Code) error {
	if code != codes.Changed {
		return fmt.Errorf("answered %v", code)
	}
	return nil
}

func listenLoopback() (*net.UDPConn, error) {
	return net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
}

func addrOf(a net.Addr) netip.AddrPort { return a.(*net.UDPAddr).AddrPort() }
