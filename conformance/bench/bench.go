// Package bench measures handshakes and requests over loopback beside what they cannot do without:
// raw datagrams of the same sizes that a plain socket sends back, and the bare operations of KEM and
// AEAD.
//
// Server and echo run in processes of their own, all clients in that of the caller, as in the raw
// case. Short rounds of both take turns, since other work on a machine comes and goes: a ratio is the
// median of the ratios of neighbours. Beside the time that passes stands the processor time of both
// processes, which other work changes less.
package bench

import (
	"context"
	"slices"
	"time"

	"github.com/pqcoap/pqcoap/conformance/rig"
	"github.com/pqcoap/pqcoap/handshake"
)

// A Config says what to measure.
type Config struct {
	Suite   handshake.Suite
	Clients []int         // at once, one after another
	Rounds  int           // of each kind
	Round   time.Duration // the length of one
	Payload int           // bytes of a POST
	Peers   rig.Place
}

// A Result is all of a run. Its field names are those of the JSON.
type Result struct {
	Suite      uint8       `json:"suite"`
	KEM        []KEM       `json:"kem"`
	Records    []Records   `json:"records"`
	Payloads   []Payload   `json:"payloads"`
	Handshakes []Handshake `json:"handshakes"`
	Requests   []Requests  `json:"requests"`
}

// Run measures all. tell is called with each part when it is there: a KEM, a Records and so on.
func Run(ctx context.Context, cfg Config, tell func(any)) (*Result, error) {
	r := &Result{Suite: uint8(cfg.Suite)}
	for _, suite := range handshake.Suites() {
		one, err := measureKEM(suite, cfg.Rounds)
		if err != nil {
			return nil, err
		}
		r.KEM = append(r.KEM, one)
		tell(one)
	}
	for _, size := range []int{16, 64, 256, 1024} {
		one, err := measureRecords(size, cfg.Rounds)
		if err != nil {
			return nil, err
		}
		r.Records = append(r.Records, one)
		tell(one)
	}
	if err := measureHandshakes(ctx, cfg, r, tell); err != nil {
		return nil, err
	}
	return r, measureRequests(ctx, cfg, r, tell)
}

// median is that of the values, which it sorts; 0 where there is none.
func median[T int64 | float64 | time.Duration](values []T) T {
	if len(values) == 0 {
		return 0
	}
	slices.Sort(values)
	return values[len(values)/2]
}

func microseconds(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }
