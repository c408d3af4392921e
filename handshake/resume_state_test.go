package handshake

import (
	"bytes"
	"errors"
	"testing"
	"time"
)

func TestResumptionState(t *testing.T) {
	for _, suite := range allSuites {
		for _, mode := range allModes {
			c := newChain(t, suite, mode)
			s := c.state
			if s.Suite != suite || s.Mode != mode || s.Fingerprint() != c.cfg.Server.Fingerprint() ||
				!s.Expires.Equal(epoch.Add(testLimits.Lifetime)) || !s.SmallUntil.Equal(epoch.Add(testLimits.SmallAge)) {
				t.Errorf("state is %v, %v, until %v and %v", s.Suite, s.Mode, s.Expires, s.SmallUntil)
			}
			b := s.Append([]byte("x"))[1:]
			got, err := ParseResumptionState(b)
			if err != nil {
				t.Fatal(err)
			}
			if got.Suite != s.Suite || got.Mode != s.Mode || got.binding != s.binding || !got.Expires.Equal(s.Expires) ||
				!got.SmallUntil.Equal(s.SmallUntil) || !bytes.Equal(got.ticket, s.ticket) || !bytes.Equal(got.secret, s.secret) {
				t.Error("the state changed on its way to disk")
			}
			for n := range b {
				if _, err := ParseResumptionState(b[:n]); !errors.Is(err, ErrMalformed) {
					t.Errorf("%d-byte prefix: error = %v", n, err)
				}
			}
			if _, err := ParseResumptionState(append(b, 0)); !errors.Is(err, ErrMalformed) {
				t.Errorf("trailing byte: error = %v", err)
			}
			got.Wipe()
			if r, err := NewResumer(random("x"), got, c.config(false)); r != nil || !errors.Is(err, ErrMisuse) {
				t.Errorf("after Wipe: error = %v, want %v", err, ErrMisuse)
			}
		}
	}
}

// TestStateOwnsItsBytes: Result and NewTicket are the caller's again.
func TestStateOwnsItsBytes(t *testing.T) {
	c := newChain(t, MLKEM512, ModeKEM)
	i := c.initiator()
	m2, server := c.respond(i.M1())
	device, err := i.Finish(m2)
	if err != nil {
		t.Fatal(err)
	}
	issued, err := c.keys.Issue(random("x"), c.now, server, c.limits)
	if err != nil {
		t.Fatal(err)
	}
	s, err := NewResumptionState(c.now, device, issued)
	if err != nil {
		t.Fatal(err)
	}
	device.Wipe()
	clear(issued.Ticket)
	if bytes.Equal(s.secret, make([]byte, 32)) || bytes.Equal(s.ticket, issued.Ticket) {
		t.Error("the state aliases what it was made from")
	}
	for name, res := range map[string]*Result{"a server's": server, "a wiped one": device, "an empty one": {}} {
		if s, err := NewResumptionState(c.now, res, issued); s != nil || !errors.Is(err, ErrMisuse) {
			t.Errorf("%s: error = %v, want %v", name, err, ErrMisuse)
		}
	}
}

func TestParseResumptionStateErrors(t *testing.T) {
	good := newChain(t, MLKEM768, ModeKEM).state.Append(nil)
	for _, row := range []struct {
		name  string
		n     int
		value any
		want  error
	}{
		{"baseline", 0, 1, nil},
		{"version", 0, 2, ErrUnsupported},
		{"version text", 0, "1", ErrMalformed},
		{"kind", 1, "tickets", ErrMalformed},
		{"suite", 2, 5, ErrUnsupported},
		{"suite 258", 2, 258, ErrMalformed},
		{"mode", 3, 3, ErrUnsupported},
		{"fingerprint short", 4, make([]byte, 31), ErrMalformed},
		{"fingerprint null", 4, nil, ErrMalformed},
		{"identity long", 5, make([]byte, 17), ErrMalformed},
		{"expires negative", 6, -1, ErrMalformed},
		{"expires late", 6, uint64(1) << 40, ErrMalformed},
		{"small late", 7, uint64(1) << 63, ErrMalformed},
		{"ticket short", 8, make([]byte, 15), ErrMalformed},
		{"ticket long", 8, make([]byte, 513), ErrMalformed},
		{"secret short", 9, make([]byte, 31), ErrMalformed},
		{"secret null", 9, nil, ErrMalformed},
	} {
		s, err := ParseResumptionState(with(t, good, row.n, row.value))
		if !errors.Is(err, row.want) || (s == nil) != (err != nil) {
			t.Errorf("%s: error = %v, want %v", row.name, err, row.want)
		}
	}
}

// TestStateTimes: a clock that is before 1970 does not make a file that cannot be read.
func TestStateTimes(t *testing.T) {
	c := newChain(t, MLKEM512, ModeNone)
	c.state.Expires, c.state.SmallUntil = time.Unix(-5, 0), time.Time{}
	s, err := ParseResumptionState(c.state.Append(nil))
	if err != nil || s.Expires.Unix() != 0 || s.SmallUntil.Unix() != 0 {
		t.Errorf("error = %v", err)
	}
}
