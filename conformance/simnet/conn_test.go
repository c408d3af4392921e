package simnet

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// packetConn is what a node and a server take.
type packetConn interface {
	io.Closer
	ReadFromUDPAddrPort(b []byte) (int, netip.AddrPort, error)
	WriteToUDPAddrPort(b []byte, addr netip.AddrPort) (int, error)
	LocalAddr() net.Addr
	SetReadDeadline(t time.Time) error
}

var (
	_ packetConn = (*Conn)(nil)
	_ packetConn = (*net.UDPConn)(nil)
)

func TestReadDeadline(t *testing.T) {
	on(t, Link{Delay: 30 * time.Second}, func(t *testing.T, b bench) {
		start := time.Now()
		b.send(t, 1, 4)
		buf := make([]byte, 4)
		for _, wait := range []time.Duration{10 * time.Second, 0, -time.Second} {
			b.server.SetReadDeadline(time.Now().Add(wait))
			_, _, err := b.server.ReadFromUDPAddrPort(buf)
			var timeout net.Error
			if !errors.Is(err, os.ErrDeadlineExceeded) || !errors.As(err, &timeout) || !timeout.Timeout() {
				t.Errorf("wait %v: error = %v, want a deadline exceeded", wait, err)
			}
			if passed := time.Since(start); passed != 10*time.Second {
				t.Errorf("wait %v: %v have passed, want 10s", wait, passed)
			}
		}
		b.server.SetReadDeadline(time.Time{})
		if _, _, err := b.server.ReadFromUDPAddrPort(buf); err != nil || time.Since(start) != 30*time.Second {
			t.Errorf("without a deadline: error = %v after %v", err, time.Since(start))
		}
	})
}

// A deadline that has passed counts even where a datagram waits, as with net.
func TestPassedDeadlineComesFirst(t *testing.T) {
	on(t, Link{}, func(t *testing.T, b bench) {
		b.send(t, 1, 4)
		synctest.Wait()
		time.Sleep(time.Millisecond)
		b.server.SetReadDeadline(time.Now())
		if _, _, err := b.server.ReadFromUDPAddrPort(nil); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("error = %v, want a deadline exceeded", err)
		}
		if got := receive(t, b.server); len(got) != 1 {
			t.Errorf("received %d with a new deadline, want 1", len(got))
		}
	})
}

// Setting a deadline acts on a read that is already waiting, and on no later one.
func TestDeadlineMovesWhileReading(t *testing.T) {
	on(t, Link{}, func(t *testing.T, b bench) {
		b.server.SetReadDeadline(time.Now().Add(time.Hour))
		start := time.Now()
		time.AfterFunc(time.Second, func() { b.server.SetReadDeadline(time.Now().Add(time.Second)) })
		if _, _, err := b.server.ReadFromUDPAddrPort(nil); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("error = %v, want a deadline exceeded", err)
		}
		if passed := time.Since(start); passed != 2*time.Second {
			t.Errorf("ended after %v, want 2s", passed)
		}
	})
}

func TestCloseEndsReads(t *testing.T) {
	for name, closing := range map[string]func(b bench) error{
		"conn":    func(b bench) error { return b.server.Close() },
		"network": func(b bench) error { return b.Network.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			on(t, Link{}, func(t *testing.T, b bench) {
				ended := make(chan error)
				for range 2 {
					go func() {
						_, _, err := b.server.ReadFromUDPAddrPort(nil)
						ended <- err
					}()
				}
				synctest.Wait() // both are waiting
				if err := closing(b); err != nil {
					t.Fatal(err)
				}
				for range 2 {
					if err := <-ended; !errors.Is(err, net.ErrClosed) {
						t.Errorf("error = %v, want closed", err)
					}
				}
			})
		})
	}
}

func TestClosedConn(t *testing.T) {
	on(t, Link{}, func(t *testing.T, b bench) {
		b.server.SetReadDeadline(time.Now().Add(time.Hour))
		if err := b.server.Close(); err != nil {
			t.Fatal(err)
		}
		_, _, read := b.server.ReadFromUDPAddrPort(nil)
		_, write := b.server.WriteToUDPAddrPort(nil, deviceAddr)
		for what, err := range map[string]error{
			"read": read, "write": write, "deadline": b.server.SetReadDeadline(time.Time{}), "close": b.server.Close(),
		} {
			if !errors.Is(err, net.ErrClosed) {
				t.Errorf("%s: error = %v, want closed", what, err)
			}
		}
		mustPanic(t, func() { b.server.Rebind(serverAddr) })
		if got := receive(t, b.Listen(serverAddr)); len(got) != 0 { // the address is free again
			t.Errorf("a new socket received %v", got)
		}
	})
}

func TestWriteErrors(t *testing.T) {
	on(t, Link{}, func(t *testing.T, b bench) {
		if _, err := b.device.WriteToUDPAddrPort(make([]byte, maxPayload+1), serverAddr); !errors.Is(err, syscall.EMSGSIZE) {
			t.Errorf("too large: error = %v, want EMSGSIZE", err)
		}
		var want *net.AddrError
		if _, err := b.device.WriteToUDPAddrPort(nil, netip.AddrPort{}); !errors.As(err, &want) {
			t.Errorf("no address: error = %v, want an address error", err)
		}
	})
}

func TestShortBufferTruncates(t *testing.T) {
	on(t, Link{}, func(t *testing.T, b bench) {
		b.send(t, 2, 100)
		buf := make([]byte, 10)
		for range 2 {
			if n, _, err := b.server.ReadFromUDPAddrPort(buf); n != 10 || err != nil {
				t.Errorf("read = %d, %v, want 10 bytes", n, err)
			}
		}
	})
}

func TestWriteKeepsNoBuffer(t *testing.T) {
	on(t, Link{Delay: time.Second}, func(t *testing.T, b bench) {
		payload := []byte("before")
		b.device.WriteToUDPAddrPort(payload, serverAddr)
		copy(payload, "after.")
		if got := receive(t, b.server); len(got) != 1 || got[0].payload != "before" {
			t.Errorf("received %v, want what was written", got)
		}
	})
}

// What a NAT does: the peer sees another address, and the old one leads nowhere, not even
// for what is under way.
func TestRebind(t *testing.T) {
	on(t, Link{Delay: 50 * time.Millisecond}, func(t *testing.T, b bench) {
		moved := netip.AddrPortFrom(deviceAddr.Addr(), 40001)
		b.server.WriteToUDPAddrPort([]byte("lost"), deviceAddr)
		b.device.Rebind(moved)
		b.server.WriteToUDPAddrPort([]byte("lost too"), deviceAddr)
		b.server.WriteToUDPAddrPort([]byte("new"), moved)
		b.send(t, 1, 4)
		if got := receive(t, b.device); len(got) != 1 || got[0].payload != "new" {
			t.Errorf("device received %v, want what went to its new address", got)
		}
		if got := receive(t, b.server); len(got) != 1 || got[0].from != moved {
			t.Errorf("server received %v, want one from %v", got, moved)
		}
		if c := b.Counters(serverAddr.Addr(), deviceAddr.Addr()); c.Unreachable != 2 || c.Delivered != 1 {
			t.Errorf("counters = %+v, want 2 unreachable and 1 delivered", c)
		}
		if got := b.device.LocalAddr().String(); got != deviceAddr.String() {
			t.Errorf("local address = %v, want the device to notice nothing", got)
		}
		if got := b.device.Public(); got != moved {
			t.Errorf("public address = %v, want %v", got, moved)
		}
	})
}
