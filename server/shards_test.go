package server

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/plgd-dev/go-coap/v3/message"

	"github.com/pqcoap/pqcoap/coap"
	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/internal/udp"
)

// minimal is a server that lets nobody in.
func minimal(t testing.TB) *Server {
	t.Helper()
	key, _ := testKeys()
	s, err := New(Config{
		Keys: []*handshake.PrivateKey{key}, Authorize: authorize,
		Handler: coap.HandlerFunc(func(context.Context, *coap.Request) *coap.Message { return nil }),
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestListen(t *testing.T) {
	for _, addr := range []string{"127.0.0.1", "127.0.0.1:x", "nowhere.invalid:1", "203.0.113.7:1"} {
		if p, err := Listen(addr, 1); err == nil {
			t.Errorf("%s: %v", addr, p.Addr())
		}
	}
	p, err := Listen("127.0.0.1:0", 3)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := Listen(p.Addr().String(), 3); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("twice: %v, %v", again, err)
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
	for addr, want := range map[string]string{":0": "::", "0.0.0.0:0": "0.0.0.0", "[::1]:0": "::1", "localhost:0": "127.0.0.1"} {
		p, err := Listen(addr, 0)
		if err != nil {
			t.Fatal(err)
		}
		if got := netip.MustParseAddrPort(p.Addr().String()).Addr().String(); got != want {
			t.Errorf("%s: %s, want %s", addr, got, want)
		}
		p.Close()
	}
}

// A server serves a port once, and none when it is closed; what it gets is closed with it.
func TestServePort(t *testing.T) {
	s := minimal(t)
	if s.Addr() != nil || s.Stats().Sessions != 0 || s.Device("a") != nil {
		t.Error("it has something before it serves")
	}
	p, err := Listen("127.0.0.1:0", 2)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	go func() { done <- s.ServePort(p) }()
	for s.Addr() == nil {
		runtime.Gosched()
	}
	second, err := Listen("127.0.0.1:0", 2)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.ServePort(second); err == nil || errors.Is(err, ErrClosed) {
		t.Errorf("twice: %v", err)
	}
	if err := second.Close(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("the second port is open: %v", err)
	}
	s.Close()
	if err := <-done; !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
	if err := p.Close(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("the port is open: %v", err)
	}
	if err := minimalClosed(t).ServePort(p); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
}

func minimalClosed(t *testing.T) *Server {
	s := minimal(t)
	s.Close()
	return s
}

// A socket that is lost ends the server, with all of its sockets.
func TestLostSocket(t *testing.T) {
	s := minimal(t)
	p, err := Listen("127.0.0.1:0", 2)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	go func() { done <- s.ServePort(p) }()
	p.shards[0].Conns()[0].Close()
	if err := <-done; !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
}

// BenchmarkLock is what a shard costs for each batch, however many datagrams that has: its lock, the
// time, and a look at its timer.
func BenchmarkLock(b *testing.B) {
	s := minimal(b)
	socket, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		b.Fatal(err)
	}
	conn, err := udp.New(socket)
	if err != nil {
		b.Fatal(err)
	}
	if err := s.attach(&Port{[]*udp.Port{udp.NewPort(conn)}}); err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	b.ReportAllocs()
	for b.Loop() {
		s.shards[0].receive(nil, nil)
	}
}

// An m1 that comes in one datagram, as large as there are, is looked at.
func TestWholeM1(t *testing.T) {
	s := minimal(t)
	p, err := Listen("127.0.0.1:0", 2)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	go func() { done <- s.ServePort(p) }()
	to, err := net.Dial("udp", p.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer to.Close()
	to.SetDeadline(time.Now().Add(10 * time.Second))
	for id, size := range []int{1, 2400, handshake.MaxM1} {
		m := coap.Message{
			Code: coap.POST, MessageID: int32(id), Options: message.Options{{ID: message.URIPath, Value: []byte("hs")}},
			Payload: make([]byte, size),
		}
		b, err := coap.Append(nil, &m)
		if err != nil {
			t.Fatal(err)
		}
		answer := make([]byte, 100)
		to.Write(b)
		n, err := to.Read(answer)
		if err != nil {
			t.Fatalf("%d bytes: %v", size, err)
		}
		if got, err := coap.Parse(answer[:n]); err != nil || got.Code != coap.BadRequest || got.MessageID != int32(id) {
			t.Errorf("%d bytes: %v, %v", size, got.Code, err)
		}
	}
	s.Close()
	<-done
}
