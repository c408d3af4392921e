package conformance

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/plgd-dev/go-coap/v3/message"

	"github.com/pqcoap/pqcoap/coap"
	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/node"
	"github.com/pqcoap/pqcoap/server"
)

// A roamer is the socket of a device whose port changes when it is told. Like a NAT, it takes
// datagrams of the address alone that it sends to.
type roamer struct {
	to   netip.AddrPort
	mu   sync.Mutex
	conn *net.UDPConn
	dead bool
}

func newRoamer(t *testing.T, to netip.AddrPort) *roamer {
	t.Helper()
	r := &roamer{to: to}
	r.move(t)
	t.Cleanup(func() { r.Close() })
	return r
}

// move takes another port.
func (r *roamer) move(t *testing.T) {
	t.Helper()
	conn, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(r.to))
	if err != nil {
		t.Error(err)
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.conn != nil {
		r.conn.Close()
	}
	r.conn = conn
}

func (r *roamer) now() (*net.UDPConn, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.conn, r.dead
}

func (r *roamer) ReadFromUDPAddrPort(b []byte) (int, netip.AddrPort, error) {
	for {
		conn, _ := r.now()
		n, err := conn.Read(b)
		if now, dead := r.now(); err == nil || dead || now == conn {
			return n, r.to, err
		}
	}
}

func (r *roamer) WriteToUDPAddrPort(b []byte, _ netip.AddrPort) (int, error) {
	conn, _ := r.now()
	return conn.Write(b)
}

func (r *roamer) LocalAddr() net.Addr {
	conn, _ := r.now()
	return conn.LocalAddr()
}

func (r *roamer) SetReadDeadline(at time.Time) error {
	conn, _ := r.now()
	return conn.SetReadDeadline(at)
}

func (r *roamer) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.dead = true
	return r.conn.Close()
}

// A sharded server is one with real sockets.
type sharded struct {
	*server.Server
	port netip.AddrPort
	done chan error
}

func serveSharded(t *testing.T, addr string, shards int, change func(*server.Config)) *sharded {
	t.Helper()
	cfg := server.Config{
		Keys: []*handshake.PrivateKey{keys().server[handshake.MLKEM512]}, Authorize: authorizeAll, Workers: 2,
		Handler: coap.HandlerFunc(func(_ context.Context, r *coap.Request) *coap.Message {
			return coap.Content(message.TextPlain, []byte(r.Peer.LocalAddr().String()))
		}),
	}
	if change != nil {
		change(&cfg)
	}
	srv, err := server.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	port, err := server.Listen(addr, shards)
	if err != nil {
		t.Fatal(err)
	}
	s := &sharded{srv, netip.MustParseAddrPort(port.Addr().String()), make(chan error, 1)}
	go func() { s.done <- srv.ServePort(port) }()
	t.Cleanup(s.end)
	return s
}

func (s *sharded) end() {
	s.Close()
	if s.done != nil {
		<-s.done
		s.done = nil
	}
}

// authorizeAll lets devices in by a PSK, each by a name of its own.
func authorizeAll(_ handshake.Suite, c handshake.ClientCredential) (server.Client, error) {
	return server.Client{Name: fmt.Sprintf("device-%x", c.ID[:2]), PSK: &handshake.PSK{ID: c.ID, Key: keys().psk.Key}}, nil
}

// device dials as one of many.
func (s *sharded) device(t *testing.T, host string, number int) (*node.Conn, *roamer) {
	t.Helper()
	socket := newRoamer(t, netip.AddrPortFrom(netip.MustParseAddr(host), s.port.Port()))
	c, err := node.DialOn(t.Context(), socket, socket.to, node.Config{
		Suite: handshake.MLKEM512, Trust: keys().server[handshake.MLKEM512].ServerCredential(),
		PSK: &handshake.PSK{ID: [16]byte{byte(number >> 8), byte(number)}, Key: keys().psk.Key},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c, socket
}

// ask asks the server by which of its addresses the device has found it.
func ask(ctx context.Context, c *node.Conn) (string, error) {
	m, err := c.Do(ctx, coap.Message{Code: coap.GET, Options: message.Options{{ID: message.URIPath, Value: []byte("x")}}})
	if err == nil && m.Code != coap.ContentCode {
		err = fmt.Errorf("answered %v", m.Code)
	}
	return string(m.Payload), err
}

// asks fails unless the device is answered.
func asks(t *testing.T, c *node.Conn) {
	t.Helper()
	if _, err := ask(t.Context(), c); err != nil {
		t.Fatal(err)
	}
}

// Devices that change their port come to other shards than those that have their sessions, and are
// served there, from the address that they know.
func TestShards(t *testing.T) {
	s := serveSharded(t, ":0", 4, nil)
	const devices = 9
	hosts := []string{"127.0.0.1", "::1", "127.0.0.2"}
	var all sync.WaitGroup
	for i := range devices {
		c, socket := s.device(t, hosts[i%len(hosts)], i)
		all.Go(func() {
			for range 6 {
				if got, err := ask(t.Context(), c); err != nil || got != socket.to.String() {
					t.Errorf("answered from %s, %v, want %s", got, err, socket.to)
				}
				socket.move(t)
				if _, err := ask(t.Context(), c); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	st := s.Stats()
	if st.Sessions != devices || st.Confirmed != devices || st.UnknownID != 0 {
		t.Errorf("%d sessions, %d ever, %d records of none", st.Sessions, st.Confirmed, st.UnknownID)
	}
	if st.Elsewhere == 0 {
		t.Error("all came to the shards of their sessions")
	}
}

// A session replaces the one that its device has, in whatever shard.
func TestShardsReplace(t *testing.T) {
	s := serveSharded(t, "127.0.0.1:0", 4, nil)
	for range 10 {
		c, _ := s.device(t, "127.0.0.1", 1)
		asks(t, c)
		peer := s.Device("device-0001")
		if peer == nil || peer.RemoteAddr() != netip.MustParseAddrPort(c.LocalAddr().String()) {
			t.Fatalf("the server knows %v, the device is at %v", peer, c.LocalAddr())
		}
	}
	if !s.Disconnect("device-0001") {
		t.Error("it cannot be disconnected")
	}
}

// Sessions go on over a restart with another number of shards.
func TestShardsRestart(t *testing.T) {
	const devices = 12
	s := serveSharded(t, "127.0.0.1:0", 4, nil)
	var conns []*node.Conn
	for i := range devices {
		c, _ := s.device(t, "127.0.0.1", i)
		asks(t, c)
		conns = append(conns, c)
	}
	for _, shards := range []int{1, 2, 4} {
		state, err := s.Suspend(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		s.end()
		s = serveSharded(t, s.port.String(), shards, func(c *server.Config) { c.Sessions = state })
		for _, c := range conns {
			asks(t, c)
		}
		if st := s.Stats(); st.Sessions != devices || st.Confirmed != 0 {
			t.Errorf("%d shards: %d sessions, %d of them new", shards, st.Sessions, st.Confirmed)
		}
	}
}

// What waits for a device reaches it through whatever shard has its session by then.
func TestShardsQueue(t *testing.T) {
	s := serveSharded(t, "127.0.0.1:0", 4, nil)
	for i := range 8 {
		q, err := s.Queue("device-0001", coap.Message{Code: coap.GET}, server.QueueOptions{Expiry: time.Minute})
		if err != nil {
			t.Fatal(err)
		}
		c, _ := s.device(t, "127.0.0.1", 1)
		if i%2 == 0 {
			asks(t, c)
		} else if err := c.Ping(t.Context()); err != nil {
			t.Fatal(err)
		}
		if m, err := q.Wait(t.Context()); err != nil || m.Code>>5 != 4 { // it serves nothing
			t.Fatal(m.Code, err)
		}
	}
}
