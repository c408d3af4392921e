package vectors

import (
	"slices"
	"strings"
	"testing"

	"github.com/pqcoap/pqcoap/conformance/reference"
)

// TestReferenceM1: the reference server refuses what the files expect to be refused, and
// not only because of how they were made.
func TestReferenceM1(t *testing.T) {
	for _, scenario := range m1s() {
		v := scenario.(*M1)
		s := reference.Server{Suite: suites[v.Suite-1], Seed: v.Seed}
		s.RandomE = make([]byte, s.Suite.KEM.RandomSize())
		err := s.Open(v.M1)
		if err == nil {
			_, _, err = s.Suite.KEM.Encapsulate(s.Trace.PkE, s.RandomE) // checks pk_e
		}
		if (err == nil) != (v.Expect == OK) {
			t.Errorf("%s: error = %v, want %s", v.Name, err, v.Expect)
		}
	}
}

// TestReferenceM1R: as TestReferenceM1. The reference does not look into tickets.
func TestReferenceM1R(t *testing.T) {
	for _, scenario := range slices.Concat(m1rShapes(), m1rPlaintexts()) {
		v := scenario.(*M1R)
		suite, mode := suites[v.Suite-1], reference.ModePSK
		if strings.HasPrefix(v.Name, "m1r-pk_e-unreduced") {
			mode = reference.ModeNone
		}
		s := newResumingPair(suite, mode, true).server
		s.RandomE = make([]byte, suite.KEM.RandomSize())
		err := s.Open(v.M1R)
		if err == nil {
			err = s.Encapsulate() // checks pk_e
		}
		if (err == nil) != (v.Expect == OK) {
			t.Errorf("%s: error = %v, want %s", v.Name, err, v.Expect)
		}
	}
}

// TestReferenceReceive: the reference, which has no window, opens what is accepted or
// replayed, and nothing else.
func TestReferenceReceive(t *testing.T) {
	for _, scenario := range receives() {
		v := scenario.(*Receive)
		traffic := must1(reference.NewTraffic(v.CipherSuite, v.Secret))
		next := uint64(0)
		for i, d := range v.Datagrams {
			rest := []byte(d.Bytes)
			for _, want := range d.Records {
				var o reference.Opened
				var err error
				o, rest, err = traffic.Open(rest, v.ConnectionID, next)
				opened := want.Result == OK || want.Result == Replayed
				if known := err == nil && o.Type != 99; known != opened {
					t.Errorf("%s: datagram %d: error = %v, want %s", v.Name, i, err, want.Result)
				}
				if want.Result == OK && (o.Seq != want.Sequence || o.Content.String() != want.Content.String()) {
					t.Errorf("%s: datagram %d: number %d, %q", v.Name, i, o.Seq, o.Content)
				}
				if err == nil && o.Type != 99 {
					next = max(next, o.Seq+1)
				}
			}
		}
	}
}
