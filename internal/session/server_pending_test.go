package session

import (
	"testing"
	"time"

	"github.com/pqcoap/pqcoap/handshake"
)

// An m1 that comes again is answered as the first time, for as long as it is remembered, whatever has
// become of its session.
func TestLateGreetings(t *testing.T) {
	p := newPair(t, newTestServer(nil), deviceConfig(handshake.ModeKEM))
	p.confirm()
	if len(p.server.pending.m) != 1 || len(p.server.late.list) != 1 {
		t.Fatalf("%d m1 remembered", len(p.server.pending.m))
	}
	p.pass(digestMemory - time.Second)
	if p.server.Stats().Resting != 1 || len(p.server.pending.m) != 1 {
		t.Errorf("%d m1 remembered, %d sessions at rest", len(p.server.pending.m), p.server.Stats().Resting)
	}
	p.pass(time.Second)
	if len(p.server.pending.m) != 0 || !p.server.late.deadline().IsZero() || p.server.late.bytes != 0 {
		t.Errorf("%d m1 remembered too long", len(p.server.pending.m))
	}
}

// Those that are remembered have a bound in bytes: the oldest go first.
func TestLateBound(t *testing.T) {
	s := newTestServer(nil)
	const each = 1 << 20
	for i := range 3 * lateBytes / each {
		g := &greeting{digest: digest{byte(i)}, m2: make([]byte, each)}
		s.pending.set(g.digest, g)
		s.remember(epoch, g)
		if s.late.bytes > lateBytes || len(s.pending.m) != len(s.late.list) || s.pending.m[g.digest] != g {
			t.Fatalf("%d bytes of %d m2, %d known", s.late.bytes, len(s.late.list), len(s.pending.m))
		}
	}
	if len(s.late.list) != lateBytes/each {
		t.Errorf("%d m2 are remembered", len(s.late.list))
	}
}
