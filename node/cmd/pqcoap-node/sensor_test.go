package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fxamacker/cbor/v2"
	"github.com/plgd-dev/go-coap/v3/message"
	"github.com/plgd-dev/go-coap/v3/message/codes"

	"github.com/pqcoap/pqcoap/coap"
	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/internal/cli"
	"github.com/pqcoap/pqcoap/node"
)

var errAway = errors.New("away")

// A fakeServer takes packs, and may be away or answer with an error.
type fakeServer struct {
	t      *testing.T
	away   func() bool // nil: never
	refuse error       // of a dial
	code   codes.Code  // 0: 2.04
	until  time.Time   // when refuse and code end; zero: never
	dials  []time.Time
	open   int
	slept  int
	taken  int       // readings
	times  []float64 // of the readings acknowledged, in s since 1970
}

func (f *fakeServer) dial(context.Context) (uplink, error) {
	f.dials = append(f.dials, time.Now())
	if f.refuse != nil && f.troubled() {
		return nil, f.refuse
	}
	if f.away != nil && f.away() {
		return nil, errAway
	}
	f.open++
	return f, nil
}

func (f *fakeServer) troubled() bool { return f.until.IsZero() || time.Now().Before(f.until) }

func (f *fakeServer) Close() error {
	f.open--
	return nil
}

func (f *fakeServer) HangUp() {
	f.slept++
	f.open--
}

func (f *fakeServer) Post(_ context.Context, path string, format message.MediaType, b []byte) (coap.Message, error) {
	if f.away != nil && f.away() {
		return coap.Message{}, errAway
	}
	if f.code != 0 && f.troubled() {
		return coap.Message{Code: f.code}, nil
	}
	var records []packRecord
	if err := cbor.Unmarshal(b, &records); err != nil || path != "/telemetry" || format != message.AppSenmlCbor {
		f.t.Errorf("POST %s, format %d: %v", path, format, err)
	}
	base := records[0].BaseTime
	for _, r := range records {
		f.times = append(f.times, base+r.Time)
	}
	return coap.Message{Code: codes.Changed}, nil
}

func (f *fakeServer) sensor(count int) *sensor {
	return &sensor{
		name: "s", path: "/telemetry", interval: newInterval(10 * time.Second), count: count, timeout: time.Minute,
		took: func(reading) { f.taken++ },
		dial: f.dial, log: slog.New(slog.NewTextHandler(io.Discard, nil)),
	}
}

// complete checks that each of n readings was acknowledged once, in order.
func (f *fakeServer) complete(n int) {
	f.t.Helper()
	if len(f.times) != n {
		f.t.Fatalf("%d readings acknowledged, want %d", len(f.times), n)
	}
	for i := 1; i < n; i++ {
		if d := f.times[i] - f.times[i-1]; d < 9.99 || d > 10.01 {
			f.t.Errorf("reading %d comes %v s after the one before", i, d)
		}
	}
	if f.open != 0 {
		f.t.Errorf("%d sessions left open", f.open)
	}
}

func TestSensor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeServer{t: t}
		if err := f.sensor(5).run(t.Context()); err != nil {
			t.Fatal(err)
		}
		f.complete(5)
		if len(f.dials) != 1 || f.taken != 5 {
			t.Errorf("%d dials, %d readings taken", len(f.dials), f.taken)
		}
	})
}

// A sensor that sleeps does so behind each reading, and nothing is lost over it.
func TestSensorSleeps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeServer{t: t}
		s := f.sensor(5)
		s.sleeps = true
		if err := s.run(t.Context()); err != nil {
			t.Fatal(err)
		}
		f.complete(5)
		if len(f.dials) != 5 || f.slept != 5 {
			t.Errorf("%d dials, slept %d times", len(f.dials), f.slept)
		}
	})
}

// An interval that is set holds from then on.
func TestSensorInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeServer{t: t}
		s := f.sensor(10)
		s.interval.set(time.Hour)
		time.AfterFunc(30*time.Minute, func() { s.interval.set(10 * time.Second) })
		begin := time.Now()
		if err := s.run(t.Context()); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(begin); took != 30*time.Minute+90*time.Second || len(f.times) != 10 {
			t.Errorf("%d readings in %v", len(f.times), took)
		}
	})
}

// The server goes away in the middle for an hour. No reading is lost, and the device does
// not try too often.
func TestSensorServerAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		f := &fakeServer{t: t, away: func() bool {
			since := time.Since(start)
			return since > 25*time.Second && since < time.Hour
		}}
		if err := f.sensor(400).run(t.Context()); err != nil {
			t.Fatal(err)
		}
		f.complete(400)
		if n := len(f.dials); n < 15 || n > 40 {
			t.Errorf("%d dials in an hour", n)
		}
		for i := 2; i < len(f.dials); i++ {
			if d := f.dials[i].Sub(f.dials[i-1]); d > maxBackOff {
				t.Errorf("dial %d comes %v after the one before", i, d)
			}
		}
	})
}

// A server that is busy keeps its session.
func TestSensorBusy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeServer{t: t, code: codes.ServiceUnavailable, until: time.Now().Add(30 * time.Second)}
		if err := f.sensor(5).run(t.Context()); err != nil {
			t.Fatal(err)
		}
		f.complete(5)
		if len(f.dials) != 1 {
			t.Errorf("%d dials", len(f.dials))
		}
	})
}

func TestSensorGivesUp(t *testing.T) {
	refusal := &handshake.Refusal{Code: handshake.RefusedCredential, Text: "not enrolled here"}
	tests := []struct {
		name   string
		server fakeServer
		code   int
	}{
		{"refused", fakeServer{refuse: cli.Exit(codeNoSession, refusal)}, codeNoSession},
		{"answer 4.04", fakeServer{code: codes.NotFound}, codeAnswer},
	}
	for _, tt := range tests {
		synctest.Test(t, func(t *testing.T) {
			tt.server.t = t
			err := tt.server.sensor(0).run(t.Context())
			var coded *cli.Error
			if !errors.As(err, &coded) || coded.Code != tt.code {
				t.Errorf("%s: %v", tt.name, err)
			}
			if len(tt.server.dials) != 1 || tt.server.open != 0 {
				t.Errorf("%s: %d dials, %d sessions left open", tt.name, len(tt.server.dials), tt.server.open)
			}
		})
	}
}

// A refusal for want of room is not for ever.
func TestSensorOverload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeServer{t: t, refuse: &handshake.Refusal{Code: handshake.RefusedOverload}, until: time.Now().Add(15 * time.Second)}
		if err := f.sensor(3).run(t.Context()); err != nil {
			t.Fatal(err)
		}
		f.complete(3)
	})
}

// The end of the context, as by SIGTERM, is a clean end, also while the server is away.
func TestSensorInterrupted(t *testing.T) {
	for _, away := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			f := &fakeServer{t: t, away: func() bool { return away }}
			ctx, cancel := context.WithTimeout(t.Context(), 35*time.Second)
			defer cancel()
			if err := f.sensor(0).run(ctx); err != nil {
				t.Errorf("away %v: %v", away, err)
			}
			if !away {
				f.complete(4)
			}
		})
	}
}

// What no further attempt can help is told from what may pass.
func TestFinal(t *testing.T) {
	for err, want := range map[error]bool{
		fmt.Errorf("x: %w", node.ErrConfig):                   true,
		fmt.Errorf("x: %w", node.ErrState):                    true,
		&handshake.Refusal{Code: handshake.RefusedCredential}: true,
		&handshake.Refusal{Code: handshake.RefusedOverload}:   false,
		cli.Exit(codeAnswer, errBusy):                         true,
		cli.Exit(codeOtherKey, node.ErrKeyChanged):            false, // anybody may have said so
		cli.Exit(codeNoSession, context.DeadlineExceeded):     false,
	} {
		if final(err) != want {
			t.Errorf("%v: want %v", err, want)
		}
	}
}
