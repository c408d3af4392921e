package udp

import (
	"net/netip"
	"testing"
)

// Messages of both families leave in their order, each through its socket.
func TestPortWrite(t *testing.T) {
	eachMaker(t, func(t *testing.T, conn maker) {
		p := listening(t, "", conn)
		v4, v6 := listening(t, "127.0.0.1:0", conn), listening(t, "[::1]:0", conn)
		var batch []Message
		for i, to := range []*Port{v4, v4, v6, v4, v6, v6} {
			batch = append(batch, Message{Peer: to.LocalAddr(), Data: []byte{byte(i)}})
		}
		p.Write(batch)
		for _, test := range []struct {
			at   *Port
			want []byte
		}{{v4, []byte{0, 1, 3}}, {v6, []byte{2, 4, 5}}} {
			in := newBatch(8, 64)
			for _, want := range test.want {
				n, err := receive(test.at.Conns()[0], in[:1])
				if err != nil || n != 1 || in[0].Data[0] != want {
					t.Fatalf("got %v, %v, want %d", in[0], err, want)
				}
				if in[0].Peer.Port() != p.LocalAddr().Port() {
					t.Errorf("came from %v", in[0].Peer)
				}
			}
		}
		if s := p.Stats(); s != (Stats{}) {
			t.Errorf("%+v", s)
		}
	})
}

// A port of one family loses what is for the other.
func TestPortStray(t *testing.T) {
	p := listening(t, "127.0.0.1:0", New)
	p.Write([]Message{{Peer: netip.MustParseAddrPort("[::1]:9"), Data: []byte("stray")}})
	if s := p.Stats(); s != (Stats{Unsent: 1}) {
		t.Errorf("%+v, want 1 unsent", s)
	}
}
