package lasting

import (
	"errors"
	"flag"
	"net/netip"
	"strconv"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/internal/session"
)

// A machine is a world under random operations.
type machine struct {
	*World
	first netip.AddrPort // of the device
}

func (s *Seen) add(t Seen) {
	s.Full, s.Resumed, s.Restored, s.Reset = s.Full+t.Full, s.Resumed+t.Resumed, s.Restored+t.Restored, s.Reset+t.Reset
}

func newMachine(t *rapid.T) *machine {
	update := func(side string) session.Update {
		return session.Update{
			Age:     time.Duration(rapid.SampledFrom([]int{0, 2, 10, 600}).Draw(t, side+" update age")) * time.Second,
			Records: uint64(rapid.SampledFrom([]int{0, 5, 20}).Draw(t, side+" update records")),
		}
	}
	w, err := New(Config{
		Suite: handshake.MLKEM512, Seed: rapid.Uint64().Draw(t, "seed"),
		DeviceUpdate: update("device"), ToUpdate: update("server"),
		RestAfter: time.Duration(rapid.SampledFrom([]int{0, 1, 200}).Draw(t, "rest")) * time.Millisecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	return &machine{World: w, first: w.Address}
}

// actions is all that may happen.
func (m *machine) actions() map[string]func(*rapid.T) {
	size := rapid.SampledFrom([]int{0, 10, 900, 1500, 4000})
	return map[string]func(*rapid.T){
		"": m.check,
		"request": func(t *rapid.T) {
			m.Request(true, size.Draw(t, "up"), size.Draw(t, "down"))
		},
		"request of the server": func(t *rapid.T) {
			m.Request(false, size.Draw(t, "down"), size.Draw(t, "up"))
		},
		"weather": func(t *rapid.T) {
			fate := rapid.Custom(func(t *rapid.T) Fate { return Fate(rapid.IntRange(0, Fates-1).Draw(t, "")) })
			m.Script = append(m.Script, rapid.SliceOfN(fate, 1, 12).Draw(t, "fates")...)
		},
		"pass": func(t *rapid.T) {
			m.Pass(time.Duration(rapid.IntRange(1, 3000).Draw(t, "ms")) * time.Millisecond)
		},
		"pass long": func(t *rapid.T) {
			m.Pass(time.Duration(rapid.SampledFrom([]int{30, 90, 3600, 86400, 7 * 86400}).Draw(t, "s")) * time.Second)
		},
		"think": func(t *rapid.T) {
			m.Think = time.Duration(rapid.SampledFrom([]int{0, 30, 300, 5000}).Draw(t, "ms")) * time.Millisecond
		},
		"open": m.open,
		"exchange": func(t *rapid.T) {
			if n, ok := m.Request(rapid.Bool().Draw(t, "of the device"), 10, size.Draw(t, "down")); ok {
				m.Until(patience, func() bool { return m.Done(n) })
			}
		},
		"sleep and wake": func(t *rapid.T) {
			m.Until(patience, func() bool { return m.Sleep() == nil })
			m.Pass(time.Duration(rapid.SampledFrom([]int{1, 3600, 86400, 7 * 86400}).Draw(t, "s")) * time.Second)
			m.Rebind()
			m.open(t)
		},
		"crash and open": func(t *rapid.T) {
			m.Crash()
			m.open(t)
		},
		"forgery": func(t *rapid.T) {
			b := rapid.SliceOfN(rapid.Byte(), 1, 60).Draw(t, "datagram")
			b[0] = 0x20 | b[0]&0x1f
			m.Inject(b)
		},
		"rebind":        func(*rapid.T) { m.Rebind() },
		"crash":         func(*rapid.T) { m.Crash() },
		"sleep":         m.sleep,
		"forget":        func(*rapid.T) { m.Forget() },
		"close":         func(*rapid.T) { m.CloseDevice() },
		"close session": func(*rapid.T) { m.CloseSession() },
		"shutdown":      func(*rapid.T) { m.Shutdown() },
		"restart":       func(*rapid.T) { m.Restart() },
		"planned restart": func(t *rapid.T) {
			pause := time.Duration(rapid.SampledFrom([]int{0, 1, 30}).Draw(t, "s")) * time.Second
			if err := m.PlannedRestart(pause); err != nil {
				t.Fatal(err)
			}
		},
		"rotate": func(t *rapid.T) {
			if err := m.RotateTicketKeys(); err != nil && !errors.Is(err, handshake.ErrMisuse) {
				t.Fatal(err)
			}
		},
	}
}

func (m *machine) open(t *rapid.T) {
	m.Ephemeral = rapid.Bool().Draw(t, "ephemeral")
	if err := m.Open(); err != nil && !errors.Is(err, errAwake) {
		t.Fatal(err)
	}
}

// sleep saves the session if it can be saved, and time goes by.
func (m *machine) sleep(t *rapid.T) {
	switch err := m.Sleep(); {
	case err == nil:
		m.Pass(time.Duration(rapid.SampledFrom([]int{1, 3600, 86400, 7 * 86400}).Draw(t, "s")) * time.Second)
	case !errors.Is(err, session.ErrUnderWay) && !errors.Is(err, session.ErrClosed) && !errors.Is(err, errAwake):
		t.Fatal(err)
	}
}

func (m *machine) check(t *rapid.T) {
	if m.Err != nil {
		t.Fatal(m.Err)
	}
}

// Of TestHistories. More of both find more.
var (
	checks = flag.Int("sessions.checks", 1500, "`N` histories")
	steps  = flag.Int("sessions.steps", 50, "`N` operations in each, on average")
)

// TestHistories has whatever may happen to a session happen, in random order. Nothing that was
// acknowledged is lost, nothing is handled twice, no nonce is used twice, and in the end both
// sides agree.
func TestHistories(t *testing.T) {
	for name, n := range map[string]int{"rapid.checks": *checks, "rapid.steps": *steps} {
		if err := flag.Set(name, strconv.Itoa(n)); err != nil {
			t.Fatal(err)
		}
	}
	var all Seen
	records, updates, moved, stolen, woken := 0, 0, 0, 0, uint64(0)
	rapid.Check(t, func(t *rapid.T) {
		m := newMachine(t)
		if err := m.Open(); err != nil {
			t.Fatal(err)
		}
		t.Repeat(m.actions())
		if err := m.Settle(); err != nil {
			t.Fatal(err)
		}
		records += m.Audit.Records()
		updates += m.Audit.Updates()
		stolen += m.Stolen.Datagrams
		woken += m.Stats().Woken
		all.add(m.Seen)
		if m.Address != m.first {
			moved++
		}
	})
	t.Logf("%d records, %d key updates, %d devices at another address, %d datagrams to attackers, %d sessions woken, %+v",
		records, updates, moved, stolen, woken, all)
	if t.Failed() {
		return
	}
	if records < 10_000 || woken < 100 || min(updates, moved, stolen, all.Full, all.Resumed, all.Restored, all.Reset) < 10 {
		t.Error("too little has happened in these histories")
	}
}
