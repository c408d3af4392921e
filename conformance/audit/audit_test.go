package audit

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"github.com/pqcoap/pqcoap/record"
)

// pair is a session's two ends, as the auditor knows them.
func pair(t *testing.T, seed byte) (a *Auditor, device, server *record.Conn) {
	t.Helper()
	up, down := bytes.Repeat([]byte{seed}, 48), bytes.Repeat([]byte{seed + 1}, 48)
	id, err := record.NewConnectionID([]byte{0x45, seed})
	if err != nil {
		t.Fatal(err)
	}
	suite := record.CipherSuite(0x1302)
	device, err = record.NewConn(record.Config{Suite: suite, SendSecret: bytes.Clone(up), ReceiveSecret: bytes.Clone(down), SendID: id})
	if err != nil {
		t.Fatal(err)
	}
	server, err = record.NewConn(record.Config{Suite: suite, SendSecret: bytes.Clone(down), ReceiveSecret: bytes.Clone(up), ReceiveID: id})
	if err != nil {
		t.Fatal(err)
	}
	a = new(Auditor)
	for _, s := range []byte{100, seed} { // another session is in the way
		session := Session{0x1302, bytes.Repeat([]byte{s}, 48), bytes.Repeat([]byte{s + 1}, 48), []byte{0x45, s}, [16]byte{s}}
		if err := a.Open(session); err != nil {
			t.Fatal(err)
		}
	}
	return a, device, server
}

func seal(t *testing.T, c *record.Conn, last bool) []byte {
	t.Helper()
	b, err := c.Seal(nil, record.ApplicationData, []byte("reading"), last)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Records are attributed however far their numbers are, alone and in one datagram.
func TestSent(t *testing.T) {
	a, device, server := pair(t, 1)
	for range 300 {
		two := slices.Concat(seal(t, device, false), seal(t, device, true))
		if err := a.Sent(true, two); err != nil {
			t.Fatal(err)
		}
		if err := a.Sent(false, seal(t, server, true)); err != nil {
			t.Fatal(err)
		}
	}
	if err := a.Sent(true, []byte{0x40, 1, 2, 3}); err != nil || a.Records() != 900 {
		t.Errorf("%d records, %v", a.Records(), err)
	}
}

// The same number twice is found, also long after, and with other content.
func TestNonceTwice(t *testing.T) {
	for _, between := range []int{0, 1, 200, 1000} {
		a, device, _ := pair(t, 1)
		_, again, _ := pair(t, 1)
		for range 1 + between {
			if err := a.Sent(true, seal(t, device, true)); err != nil {
				t.Fatal(err)
			}
		}
		if err := a.Sent(true, seal(t, again, false)); !errors.Is(err, ErrNonceTwice) {
			t.Errorf("%d records between: %v", between, err)
		}
	}
}

func TestUnattributed(t *testing.T) {
	a, device, server := pair(t, 1)
	_, stranger, _ := pair(t, 50)
	flipped := seal(t, device, true)
	flipped[9] ^= 1
	for name, b := range map[string][]byte{"of a stranger": seal(t, stranger, true), "flipped": flipped, "the other way": seal(t, server, true)} {
		if err := a.Sent(true, b); !errors.Is(err, ErrUnattributed) {
			t.Errorf("a record %s: %v", name, err)
		}
	}
}

func TestReset(t *testing.T) {
	a, _, _ := pair(t, 1)
	token := [16]byte{1}
	reset := append([]byte{0x21, 2, 3, 4, 5, 6}, token[:]...)
	if err := a.Sent(false, reset); err != nil || a.Resets() != 1 {
		t.Errorf("%d resets, %v", a.Resets(), err)
	}
	if err := a.Sent(true, reset); !errors.Is(err, ErrUnattributed) {
		t.Errorf("a reset to the server: %v", err)
	}
	reset[len(reset)-1] ^= 1
	if err := a.Sent(false, reset); !errors.Is(err, ErrUnattributed) {
		t.Errorf("a reset of nothing: %v", err)
	}
}
