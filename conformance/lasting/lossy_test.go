package lasting

import (
	"bytes"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/pqcoap/pqcoap/conformance/audit"
	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/internal/session"
)

// newWorld is a world whose device has a session and a ticket.
func newWorld(t *testing.T, cfg Config) *World {
	t.Helper()
	if cfg.Suite == 0 {
		cfg.Suite = handshake.MLKEM512
	}
	w, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if !w.asks(true) {
		t.Fatalf("no session: %v", w.Ended())
	}
	w.Pass(time.Minute)
	return w
}

// underLoss has f run at each loss with some seeds, and both sides agree in the end.
func underLoss(t *testing.T, cfg Config, f func(t *testing.T, w *World)) {
	for _, loss := range []float64{0, 0.1, 0.3} {
		t.Run(fmt.Sprintf("%.0f%%", 100*loss), func(t *testing.T) {
			for seed := range uint64(20) {
				cfg.Seed = seed
				w := newWorld(t, cfg)
				w.Loss = loss
				f(t, w)
				if err := w.Settle(); err != nil {
					t.Fatalf("seed %d: %v", seed, err)
				}
			}
		})
	}
}

// answeredBy fails unless a request has been answered.
func (w *World) answeredBy(t *testing.T, fromDevice bool, up, down int, during func()) {
	t.Helper()
	number, ok := w.Request(fromDevice, up, down)
	if !ok {
		t.Fatalf("no session to ask in: %v", w.Ended())
	}
	during()
	if !w.Until(patience, func() bool { return w.Done(number) }) || !w.Acknowledged(number) {
		t.Fatalf("request %d is not answered: %v", number, w.Ended())
	}
}

// The NAT forgets the device in the middle of requests and of block-wise transfers of both sides.
func TestRebinding(t *testing.T) {
	underLoss(t, Config{}, func(t *testing.T, w *World) {
		for i := range 10 {
			w.answeredBy(t, true, []int{10, 5000}[i%2], []int{10, 5000}[i/2%2], func() {
				w.Pass(time.Duration(i*20) * time.Millisecond)
				w.Rebind()
			})
			// The server learns where the device is from what that sends.
			w.answeredBy(t, true, 10, 10, func() {})
			w.answeredBy(t, false, []int{10, 3000}[i%2], 3000, func() {})
			w.Pass(time.Duration(i) * time.Second)
		}
		if w.Seen.Full+w.Seen.Resumed != 1 {
			t.Fatalf("%+v: the session did not survive", w.Seen)
		}
	})
}

// Both sides update their keys every few records, at the same time, in the middle of transfers.
func TestKeyUpdates(t *testing.T) {
	update := session.Update{Records: 8}
	underLoss(t, Config{DeviceUpdate: update, ToUpdate: update}, func(t *testing.T, w *World) {
		for i := range 20 {
			w.answeredBy(t, i%2 == 0, 4000, 4000, func() {})
			w.Pass(time.Second)
		}
		if n := w.Audit.Updates(); n < 10 {
			t.Fatalf("%d key updates", n)
		}
		if w.Seen.Full+w.Seen.Resumed != 1 {
			t.Fatalf("%+v: the session did not survive", w.Seen)
		}
	})
}

// A session that sleeps or crashes, or whose server restarts, goes on or is resumed.
func TestComingBack(t *testing.T) {
	for name, happen := range map[string]func(*World) error{
		"sleep":           both(sleep, rebind),
		"crash":           crash,
		"restart":         restart,
		"planned restart": planned,
		"rotation":        both(rotate, crash),
	} {
		t.Run(name, func(t *testing.T) {
			underLoss(t, Config{}, func(t *testing.T, w *World) {
				for range 5 {
					// A sleep waits until nothing is under way.
					var err error
					w.Until(patience, func() bool { err = happen(w); return !errors.Is(err, session.ErrUnderWay) })
					if err != nil {
						t.Fatal(err)
					}
					if !w.read() {
						t.Fatalf("no reading came through: %v", w.Ended())
					}
					w.Pass(time.Minute)
				}
			})
		})
	}
}

// A state that is used twice is found, as soon as both have sent something.
func TestStateTwice(t *testing.T) {
	w := newWorld(t, Config{})
	if err := w.Sleep(); err != nil {
		t.Fatal(err)
	}
	state := bytes.Clone(w.state)
	if !w.asks(true) {
		t.Fatal("the session is not gone on with")
	}
	w.Crash()
	w.state = state
	w.asks(true)
	if !errors.Is(w.Err, audit.ErrNonceTwice) {
		t.Errorf("error %v", w.Err)
	}
}
