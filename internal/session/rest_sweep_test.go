package session

import (
	"encoding/binary"
	"errors"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"

	"github.com/pqcoap/pqcoap/handshake"
)

// Sessions at rest end when their time is over, at most a round of the sweep later, and no step looks
// at more than it may.
func TestSweep(t *testing.T) {
	const n = 10_000
	entries, authorize := crowd(t, n)
	for i, e := range entries {
		binary.BigEndian.PutUint32(e[entryIdle:], uint32(3600+i))
	}
	state, err := cbor.Marshal(savedServer{Version: savedVersion, Sessions: entries})
	if err != nil {
		t.Fatal(err)
	}
	s := newTestServer(func(c *ServerConfig) { c.Authorize = authorize })
	if err := Load(epoch, state, s); err != nil || s.Stats().Resting != n {
		t.Fatalf("%d sessions, %v", s.Stats().Resting, err)
	}
	if at := s.Deadline(); at.Before(epoch.Add(time.Hour)) || at.After(epoch.Add(time.Hour+time.Minute)) {
		t.Errorf("the sweep begins at %v", at)
	}
	var out Outbox
	steps, ended, now := 0, 0, epoch
	for at := s.Deadline(); !at.IsZero(); at = s.Deadline() {
		if now = at; now.After(epoch.Add(5 * time.Hour)) {
			t.Fatal("sessions do not end")
		}
		s.Advance(now, &out)
		steps++
		for ev, ok := s.Next(); ok; ev, ok = s.Next() {
			due := ev.Session.Heard().Add(ev.Session.idle)
			if ended++; ev.Kind != EventClosed || !errors.Is(ev.Err, ErrClosed) || now.Before(due) || now.After(due.Add(sweepTime+sweepGap)) {
				t.Fatalf("%v at %v, due at %v", ev.Err, now, due)
			}
		}
	}
	if most := int(now.Sub(epoch.Add(time.Hour))/sweepGap) + 10; ended != n || steps > most || s.Stats().Sessions != 0 {
		t.Errorf("%d sessions have ended in %d steps, want %d in %d", ended, steps, n, most)
	}
	sound(t, s)
}

// A record that comes when the time of its session is over does not wake it.
func TestSweepLate(t *testing.T) {
	p := newPair(t, lasting(t, func(c *ServerConfig) { c.IdleTimeout = time.Hour }), deviceConfig(handshake.ModeKEM))
	p.confirm()
	p.rested()
	p.now = p.now.Add(time.Hour)
	p.get()
	if st := p.server.Stats(); st.Woken != 0 || st.Sessions != 0 || st.UnknownID != 1 || len(p.ended) != 1 {
		t.Errorf("%+v, %d ended", st, len(p.ended))
	}
	empty(t, p.server)
}

// One step of the sweep is bounded, however many sessions there are.
func TestSweepStep(t *testing.T) {
	entries, authorize := crowd(t, 3*sweepStep)
	state, err := cbor.Marshal(savedServer{Version: savedVersion, Sessions: entries})
	if err != nil {
		t.Fatal(err)
	}
	s := newTestServer(func(c *ServerConfig) { c.Authorize = authorize })
	if err := Load(epoch, state, s); err != nil {
		t.Fatal(err)
	}
	now := epoch.Add(DefaultIdleTimeout)
	for left := 3 * sweepStep; left > 0; {
		s.sweep.at = now
		s.Advance(now, &Outbox{})
		ended := left - s.Stats().Resting
		if ended == 0 || ended > sweepStep {
			t.Fatalf("%d sessions ended in a step", ended)
		}
		left -= ended
	}
}
