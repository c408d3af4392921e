package matrix

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/pqcoap/pqcoap/handshake"
)

// Real time is not judged here, but no handshake can be faster than its round trips.
func TestMeasure(t *testing.T) {
	for _, test := range []struct {
		name       string
		loss       float64
		echo       bool
		roundTrips time.Duration
	}{
		{"quiet", 0, false, 1},
		{"Echo", 0, true, 2},
		{"loss", 0.2, false, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			c := Cell{Suite: handshake.MLKEM768, RTT: 20 * time.Millisecond, MTU: BudgetMTU, Loss: test.loss, Echo: test.echo, N: 60}
			r, err := Measure(t.Context(), c, 1)
			if err != nil {
				t.Fatal(err)
			}
			if r.Failed > 0 || r.N() != c.N || r.Times[0] < test.roundTrips*c.RTT {
				t.Errorf("%d of %d failed (%v), times from %v", r.Failed, r.N(), r.Err, r.Times[0])
			}
			// m1, m2 and their first blocks at least.
			if r.Datagrams < 4 || r.Bytes < 3000 {
				t.Errorf("%v datagrams, %v bytes: that cannot be all", r.Datagrams, r.Bytes)
			}
		})
	}
}

func TestMeasureEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Measure(ctx, Cell{Suite: 1, RTT: time.Second, MTU: BudgetMTU, N: 1000}, 1); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}
