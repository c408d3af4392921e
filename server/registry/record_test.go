package registry

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/pqcoap/pqcoap/handshake"
)

func TestRecord(t *testing.T) {
	full := kemDevice("a", handshake.MLKEM512, 1)
	full.Groups, full.Allow, full.State, full.Origin = []string{"g"}, []string{"* /*"}, Suspended, Authority
	full.Expires, full.FirstSeen, full.LastSeen = enrolled.Add(1e9), enrolled.Add(2e9), enrolled.Add(3e9)
	code := pskDevice("b", 2)
	code.Enrolling = true
	for _, d := range []Device{full, code, pskDevice("c", 3)} {
		b := d.AppendRecord([]byte("x"))[1:]
		got, err := ParseRecord(b)
		if err != nil || !equal(got, &d) {
			t.Errorf("%s: %+v, %v", d.Name, got, err)
		}
		for n := range b {
			if _, err := ParseRecord(b[:n]); !errors.Is(err, ErrFile) {
				t.Errorf("%s, %d bytes of it: %v", d.Name, n, err)
			}
		}
		if _, err := ParseRecord(append(b, 0)); !errors.Is(err, ErrFile) {
			t.Errorf("%s, a byte more: %v", d.Name, err)
		}
	}
}

func TestRejectedRecords(t *testing.T) {
	for what, spoil := range map[string]func(*record){
		"another version": func(r *record) { r.Version = 2 },
		"short PSK":       func(r *record) { r.PSK = r.PSK[1:] },
		"short ID":        func(r *record) { r.ID = nil },
		"no public key":   func(r *record) { r.PublicKey = []byte{1} },
	} {
		d := pskDevice("a", 1)
		r := recordOf(&d)
		spoil(r)
		if _, err := ParseRecord(encode(r)); !errors.Is(err, ErrFile) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestNames(t *testing.T) {
	for _, s := range []State{Enrolled, Active, Suspended, Revoked} {
		if got, err := ParseState(s.String()); err != nil || got != s {
			t.Errorf("%v: %v, %v", s, got, err)
		}
	}
	for _, o := range []Origin{Operator, Code, Authority} {
		if got, err := ParseOrigin(o.String()); err != nil || got != o {
			t.Errorf("%v: %v, %v", o, got, err)
		}
	}
	for _, text := range []string{"", "Active", "state 4"} {
		_, err := ParseState(text)
		wants(t, text, err, ErrInvalid)
		_, err = ParseOrigin(text)
		wants(t, text, err, ErrInvalid)
	}
}

func FuzzParseRecord(f *testing.F) {
	d := pskDevice("a", 1)
	d.Groups = []string{"g"}
	f.Add(d.AppendRecord(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		d, err := ParseRecord(b)
		if err != nil {
			return
		}
		again, err := ParseRecord(d.AppendRecord(nil))
		if err != nil || again.Name != d.Name || !slices.Equal(again.Allow, d.Allow) || again.Enrolled.Sub(d.Enrolled) > time.Second {
			t.Errorf("%+v, written and read: %+v, %v", d, again, err)
		}
	})
}
