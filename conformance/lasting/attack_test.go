package lasting

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/internal/session"
)

// An attacker copies each datagram of both directions and sends the copy from an address of its
// own: late, off the path; before the original, on it; or in its place, for a while. The session
// survives, all is answered, and the server's own sending stays where the device is.
func TestCopies(t *testing.T) {
	for name, fates := range map[string][]Fate{
		"late, off the path":     slices.Repeat([]Fate{Copied}, 400),
		"racing, on the path":    slices.Repeat([]Fate{Raced}, 400),
		"suppressing, some":      slices.Repeat([]Fate{Diverted, Passes, Passes}, 100),
		"suppressing, in a row":  slices.Repeat([]Fate{Diverted}, 12),
		"all of these, in turns": slices.Repeat([]Fate{Copied, Raced, Diverted, Passes, Doubled}, 80),
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, Config{})
			w.Script = slices.Clone(fates)
			for i := range 20 {
				w.answeredBy(t, i%2 == 0, []int{10, 3000}[i/2%2], []int{10, 3000}[i/4%2], func() {})
				w.Pass(2 * time.Second)
				if w.Peer() != w.Address {
					t.Fatalf("request %d: the server sends to %v", i, w.Peer())
				}
			}
			if w.Seen.Full+w.Seen.Resumed != 1 {
				t.Errorf("%+v: the session did not survive", w.Seen)
			}
			if err := w.Settle(); err != nil {
				t.Error(err)
			}
			t.Logf("the attackers got %+v", w.Stolen)
		})
	}
}

// The same during handshakes and resumptions.
func TestCopiesAtTheStart(t *testing.T) {
	for _, fate := range []Fate{Copied, Raced, Doubled} {
		for _, happen := range []func(*World) error{crash, both(crash, forget), both(crash, ephemeral)} {
			w := newWorld(t, Config{})
			if err := happen(w); err != nil {
				t.Fatal(err)
			}
			w.Script = slices.Repeat([]Fate{fate}, 100)
			if !w.read() {
				t.Fatalf("fate %d: no reading came through: %v", fate, w.Ended())
			}
			if err := w.Settle(); err != nil {
				t.Errorf("fate %d: %v", fate, err)
			}
		}
	}
}

// Nothing made up is taken for a reset: not what is random, nor the token of an older session of
// the device, of one in another era, or a true one with a bit changed.
func TestForgedResets(t *testing.T) {
	w := newWorld(t, Config{})
	old := w.device.Result().ResetToken
	w.Crash()
	if !w.asks(true) {
		t.Fatal("not resumed")
	}
	token := w.device.Result().ResetToken
	reset := func(token [16]byte) {
		b := make([]byte, 7+w.loss.IntN(40))
		w.random.Read(b)
		b[0] = 0x20 | b[0]&0x1f
		w.Inject(append(b, token[:]...))
	}
	for range 3000 {
		var made [16]byte
		w.random.Read(made[:])
		reset(made)
	}
	reset(old)
	for bit := range 128 {
		near := token
		near[bit/8] ^= 1 << (bit % 8)
		reset(near)
	}
	if !w.Live() {
		t.Fatalf("the session has ended: %v", w.Ended())
	}
	if err := w.Settle(); err != nil || w.Seen.Resumed != 1 {
		t.Errorf("%v, %+v", err, w.Seen)
	}
	if reset(token); w.Live() || !errors.Is(w.Ended(), session.ErrReset) {
		t.Errorf("the true token: %v", w.Ended())
	}
}

// A device that is not let in any more gets nothing by its ticket, nor by a table that was saved.
func TestRevoked(t *testing.T) {
	for name, happen := range map[string]func(*World) error{"ticket": crash, "handshake": both(crash, forget), "saved table": planned} {
		w := newWorld(t, Config{})
		w.Revoke()
		if err := happen(w); err != nil {
			t.Fatal(err)
		}
		var refusal *handshake.Refusal
		if w.read() || !errors.As(w.Ended(), &refusal) || refusal.Code != handshake.RefusedCredential {
			t.Errorf("%s: %v", name, w.Ended())
		}
		if w.Seen.Full+w.Seen.Resumed != 1 {
			t.Errorf("%s: %+v", name, w.Seen)
		}
	}
}

// A close is heard by the other side, and by nobody else's word.
func TestClosing(t *testing.T) {
	w := newWorld(t, Config{})
	w.CloseDevice()
	if w.Pass(time.Second); w.Session() != nil || w.Stats().Sessions != 0 {
		t.Error("the server has not heard of the end")
	}
	for name, end := range map[string]func(){"of a session": w.CloseSession, "of the server": w.Shutdown} {
		if !w.asks(true) {
			t.Fatal("no session")
		}
		end()
		if w.Pass(time.Second); w.Live() || !errors.Is(w.Ended(), session.ErrClosed) || errors.Is(w.Ended(), session.ErrReset) {
			t.Errorf("end %s: %v", name, w.Ended())
		}
	}
	if err := w.Settle(); err != nil {
		t.Error(err)
	}
}

// A session that another one of the device has replaced ends after a while; in the mean time there
// are two, not more however often that happens.
func TestReplaced(t *testing.T) {
	w := newWorld(t, Config{})
	for range 5 {
		w.Crash()
		if !w.asks(true) {
			t.Fatal("not resumed")
		}
		if n := w.Stats().Sessions; n != 2 {
			t.Errorf("%d sessions", n)
		}
	}
	if w.Pass(11 * time.Second); w.Stats().Sessions != 1 {
		t.Errorf("%d sessions after a while", w.Stats().Sessions)
	}
}

// A peer that is gone is found out: the server by the idle time, the device by its requests.
func TestDeadPeer(t *testing.T) {
	w := newWorld(t, Config{})
	number, ok := w.Request(false, 10, 10)
	w.Crash()
	if !ok || !w.Until(patience, func() bool { return w.Done(number) }) || w.Acknowledged(number) {
		t.Error("a request to a device that is gone has no end")
	}
	if w.Pass(session.DefaultIdleTimeout); w.Stats().Sessions != 0 {
		t.Error("the session of a device that is gone stays")
	}
	if !w.asks(true) {
		t.Fatal("no session")
	}
	w.Pass(time.Minute)
	w.down = true
	if w.asks(true) || w.Live() || !errors.Is(w.Ended(), session.ErrClosed) {
		t.Errorf("a server that is gone: %v", w.Ended())
	}
	if w.down = false; !w.asks(true) {
		t.Errorf("not back: %v", w.Ended())
	}
}

// Tickets outlive the keys that follow them, for the 30 days from a full handshake on, and no key
// of the server that is gone is needed for the one behind.
func TestRotations(t *testing.T) {
	w := newWorld(t, Config{})
	for i := range 15 {
		w.Pass(3 * day)
		if err := w.RotateTicketKeys(); err != nil {
			t.Fatal(err)
		}
		w.Crash()
		if !w.read() {
			t.Fatalf("rotation %d: no reading came through: %v", i, w.Ended())
		}
		if full := i == 9; w.Resumed() == full { // a ticket of the second full handshake from there on
			t.Errorf("rotation %d: resumed %v", i, w.Resumed())
		}
		w.Pass(time.Minute)
	}
}
