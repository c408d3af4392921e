package relay

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"
)

// patience is how long a test waits for a datagram that has to come.
const patience = 10 * time.Second

// echo starts a server that sends back what it gets, and says how many datagrams it got.
func echo(t *testing.T) (addr netip.AddrPort, received func() int) {
	t.Helper()
	socket := listen(t)
	var mu sync.Mutex
	count := 0
	go func() {
		buf := make([]byte, receiveBuffer)
		for {
			n, from, err := socket.ReadFromUDPAddrPort(buf)
			if err != nil {
				return
			}
			mu.Lock()
			count++
			mu.Unlock()
			socket.WriteToUDPAddrPort(buf[:n], from)
		}
	}()
	return addrOf(socket), func() int {
		mu.Lock()
		defer mu.Unlock()
		return count
	}
}

func listen(t *testing.T) *net.UDPConn {
	t.Helper()
	socket, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(loopback))
	if err != nil {
		t.Fatal(err)
	}
	enlarge(socket)
	t.Cleanup(func() { socket.Close() })
	return socket
}

func start(t *testing.T, cfg Config) *Relay {
	t.Helper()
	r, err := Listen(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

// exchange sends a datagram and waits for one.
func exchange(t *testing.T, r *Relay, socket *net.UDPConn, payload string) string {
	t.Helper()
	if _, err := socket.WriteToUDPAddrPort([]byte(payload), r.Addr()); err != nil {
		t.Fatal(err)
	}
	return receive(t, socket)
}

func receive(t *testing.T, socket *net.UDPConn) string {
	t.Helper()
	socket.SetReadDeadline(time.Now().Add(patience))
	buf := make([]byte, receiveBuffer)
	n, err := socket.Read(buf)
	if err != nil {
		t.Fatalf("nothing came back: %v", err)
	}
	return string(buf[:n])
}

func TestDelay(t *testing.T) {
	server, _ := echo(t)
	up, down := 30*time.Millisecond, 10*time.Millisecond
	r := start(t, Config{Server: server, Up: Link{Delay: up}, Down: Link{Delay: down}})
	began := time.Now()
	if got := exchange(t, r, listen(t), "hello"); got != "hello" {
		t.Errorf("got %q", got)
	}
	if took := time.Since(began); took < up+down {
		t.Errorf("back after %v, before the delays of %v and %v", took, up, down)
	}
}

// Hundreds of clients at once, each hearing the answers to what it sent and no others.
func TestManyClients(t *testing.T) {
	const clients, each = 300, 4
	server, received := echo(t)
	link := Link{Delay: 20 * time.Millisecond, Jitter: 10 * time.Millisecond}
	r := start(t, Config{Server: server, Up: link, Down: link})
	var running sync.WaitGroup
	for i := range clients {
		socket := listen(t)
		running.Go(func() {
			want := make(map[string]bool)
			for j := range each {
				payload := fmt.Sprintf("client %d, datagram %d", i, j)
				want[payload] = true
				socket.WriteToUDPAddrPort([]byte(payload), r.Addr())
			}
			socket.SetReadDeadline(time.Now().Add(patience))
			buf := make([]byte, 100)
			for range each {
				n, err := socket.Read(buf)
				if err != nil || !want[string(buf[:n])] {
					t.Errorf("client %d got %q, %v", i, buf[:n], err)
					return
				}
				delete(want, string(buf[:n]))
			}
			if got := r.Traffic(addrOf(socket)); got.DatagramsUp != each || got.DatagramsDown != each {
				t.Errorf("client %d: counted %+v, want %d each way", i, got, each)
			}
		})
	}
	running.Wait()
	if got := received(); got != clients*each {
		t.Errorf("the server got %d datagrams, want %d", got, clients*each)
	}
}

// What the link loses has been sent, and counts.
func TestTrafficCountsWhatIsLost(t *testing.T) {
	server, received := echo(t)
	r := start(t, Config{Server: server, Up: Link{MTU: 10}})
	socket := listen(t)
	socket.WriteToUDPAddrPort(make([]byte, 11), r.Addr())
	exchange(t, r, socket, "0123456789")
	want := Traffic{DatagramsUp: 2, BytesUp: 21, DatagramsDown: 1, BytesDown: 10}
	if got := r.Traffic(addrOf(socket)); got != want || got.Datagrams() != 3 || got.Bytes() != 31 {
		t.Errorf("counted %+v, want %+v", got, want)
	}
	if received() != 1 {
		t.Errorf("%d datagrams passed an MTU of 10, want 1", received())
	}
}

func TestCountedOnly(t *testing.T) {
	server, _ := echo(t)
	r := start(t, Config{Server: server, Counted: func(b []byte) bool { return b[0] == 'a' }})
	socket := listen(t)
	exchange(t, r, socket, "abc")
	exchange(t, r, socket, "bcd")
	want := Traffic{DatagramsUp: 1, BytesUp: 3, DatagramsDown: 1, BytesDown: 3}
	if got := r.Traffic(addrOf(socket)); got != want {
		t.Errorf("counted %+v, want %+v", got, want)
	}
}

func TestDuplicates(t *testing.T) {
	server, _ := echo(t)
	r := start(t, Config{Server: server, Down: Link{Duplicate: 1}})
	socket := listen(t)
	if first, second := exchange(t, r, socket, "twice"), receive(t, socket); first != "twice" || second != "twice" {
		t.Errorf("got %q and %q", first, second)
	}
	if got := r.Traffic(addrOf(socket)); got.DatagramsDown != 1 {
		t.Errorf("counted %+v: a duplicate is not one more of the server's", got)
	}
}

func TestForget(t *testing.T) {
	server, _ := echo(t)
	r := start(t, Config{Server: server})
	socket := listen(t)
	exchange(t, r, socket, "once")
	r.Forget(addrOf(socket))
	if got := r.Traffic(addrOf(socket)); got != (Traffic{}) {
		t.Errorf("counted %+v after Forget", got)
	}
	exchange(t, r, socket, "again")
	if got := r.Traffic(addrOf(socket)); got.DatagramsUp != 1 {
		t.Errorf("counted %+v, want 1 datagram of a new client", got)
	}
}

// Close returns when all goroutines have ended, also with datagrams under way.
func TestClose(t *testing.T) {
	server, _ := echo(t)
	r := start(t, Config{Server: server, Up: Link{Delay: time.Hour}})
	socket := listen(t)
	socket.WriteToUDPAddrPort([]byte("never"), r.Addr())
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	if err := r.Close(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("second Close: %v", err)
	}
}

func TestListenRejects(t *testing.T) {
	for _, l := range []Link{
		{Loss: -0.1}, {Loss: 1.1}, {Duplicate: 2}, {Delay: -1}, {Jitter: -1}, {MTU: -1},
	} {
		for _, cfg := range []Config{{Up: l}, {Down: l}} {
			if r, err := Listen(cfg); !errors.Is(err, ErrLink) {
				t.Errorf("%+v: %v, %v", cfg, r, err)
			}
		}
	}
}
