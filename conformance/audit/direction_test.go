package audit

import (
	"errors"
	"testing"
	"time"

	"github.com/pqcoap/pqcoap/record"
)

// Key updates are followed, and a record of an epoch before counts with those of its own.
func TestEpochs(t *testing.T) {
	a, device, server := pair(t, 1)
	now := time.Unix(1e9, 0)
	up, down := record.NewControl(device, record.ControlConfig{}, now), record.NewControl(server, record.ControlConfig{}, now)
	_, old, _ := pair(t, 1)
	for range 10 {
		now = now.Add(time.Minute)
		up.Update(false)
		exchange(t, a, now, up, device, server, down)
		for range 3 {
			if err := a.Sent(true, seal(t, device, true)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if got := a.Updates(); got != 10 {
		t.Fatalf("%d updates, want 10", got)
	}
	if err := a.Sent(true, seal(t, old, true)); !errors.Is(err, ErrNonceTwice) {
		t.Errorf("a record of the first epoch again: %v", err)
	}
}

// exchange carries a message of up to the other end and its acknowledgement back.
func exchange(t *testing.T, a *Auditor, now time.Time, up *record.Control, device, server *record.Conn, down *record.Control) {
	t.Helper()
	for _, step := range []struct {
		from, to *record.Control
		conn     *record.Conn
		toServer bool
	}{{up, down, server, true}, {down, up, device, false}} {
		b, err := step.from.Append(now, nil, true)
		if err == nil {
			err = a.Sent(step.toServer, b)
		}
		if err != nil {
			t.Fatal(err)
		}
		r, _, err := step.conn.Open(b)
		if err == nil {
			_, err = step.to.Handle(now, r)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}
