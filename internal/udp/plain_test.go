package udp

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"testing"
)

// A fakeSocket gives what it is told to, and sends nothing to port 9.
type fakeSocket struct {
	net.UDPConn
	come []Message
	sent []Message
}

func (f *fakeSocket) ReadFromUDPAddrPort(b []byte) (int, netip.AddrPort, error) {
	if len(f.come) == 0 {
		return 0, netip.AddrPort{}, io.ErrUnexpectedEOF
	}
	m := f.come[0]
	f.come = f.come[1:]
	return copy(b, m.Data), m.Peer, nil
}

func (f *fakeSocket) WriteToUDPAddrPort(b []byte, to netip.AddrPort) (int, error) {
	if to.Port() == 9 {
		return 0, io.ErrShortWrite
	}
	f.sent = append(f.sent, Message{Peer: to, Data: b})
	return len(b), nil
}

// A socket that is no *net.UDPConn is served too: as it were of a simulated network.
func TestOtherSockets(t *testing.T) {
	from := netip.MustParseAddrPort("[::ffff:192.0.2.1]:5688")
	f := &fakeSocket{come: []Message{
		{Peer: from, Data: make([]byte, 65507)}, {Peer: from, Data: make([]byte, 64)}, {Peer: from, Data: []byte("hello")},
	}}
	c, err := New(f)
	if err != nil {
		t.Fatal(err)
	}
	in := newBatch(2, 64)
	if n, err := receive(c, in); err != nil || n != 1 || string(in[0].Data) != "hello" || in[0].Peer != unmap(from) {
		t.Errorf("got %v, %v", in[:n], err)
	}
	if _, err := receive(c, in); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("error = %v", err)
	}
	c.Write([]Message{
		{Peer: netip.MustParseAddrPort("192.0.2.1:9")}, {Peer: netip.MustParseAddrPort("192.0.2.1:10")},
	})
	if len(f.sent) != 1 || f.sent[0].Peer.Port() != 10 {
		t.Errorf("sent %v", f.sent)
	}
	if s := c.Stats(); s != (Stats{Truncated: 2, Unsent: 1}) {
		t.Errorf("%+v", s)
	}
}
