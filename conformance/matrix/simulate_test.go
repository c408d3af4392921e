package matrix

import (
	"context"
	"errors"
	"reflect"
	"testing"
	"time"

	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/internal/session"
)

func simulate(t *testing.T, c Cell, seed uint64) Result {
	t.Helper()
	r, err := Simulate(t.Context(), c, seed)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func cell(suite handshake.Suite) Cell {
	return Cell{Suite: suite, RTT: BudgetRTT, MTU: BudgetMTU, N: 20}
}

// Without loss every handshake takes one round trip, and two where Echo is demanded.
func TestSimulateWithoutLoss(t *testing.T) {
	for _, suite := range handshake.Suites() {
		for _, echo := range []bool{false, true} {
			c := cell(suite)
			c.Echo = echo
			want := c.RTT
			if echo {
				want *= 2
			}
			r := simulate(t, c, 1)
			if r.Failed > 0 || r.N() != c.N {
				t.Errorf("%s: %d of %d failed: %v", c.Group(), r.Failed, r.N(), r.Err)
				continue
			}
			if first, last := r.Times[0], r.Times[c.N-1]; first != want || last != want {
				t.Errorf("%s: %v to %v, want %v", c.Group(), first, last, want)
			}
			if r.Datagrams < 4 || r.Bytes < 2000 {
				t.Errorf("%s: %v datagrams, %v bytes: that cannot be all", c.Group(), r.Datagrams, r.Bytes)
			}
		}
	}
}

// The seed decides everything, however many processors there are.
func TestSimulateIsSeeded(t *testing.T) {
	c := cell(handshake.MLKEM768)
	c.Loss, c.N = 0.3, 50
	first, again, other := simulate(t, c, 1), simulate(t, c, 1), simulate(t, c, 2)
	if !reflect.DeepEqual(first, again) {
		t.Errorf("the same seed gave %v and %v", first, again)
	}
	if reflect.DeepEqual(first.Times, other.Times) {
		t.Error("another seed gave the same times")
	}
	c.N = 20
	if fewer := simulate(t, c, 1); fewer.Times[0] < first.Times[0] {
		t.Error("the first 20 of 50 handshakes are not those of a run of 20")
	}
}

// What is lost costs time and datagrams.
func TestSimulateLoss(t *testing.T) {
	c := cell(handshake.XWing)
	without := simulate(t, c, 1)
	c.Loss = 0.4
	with := simulate(t, c, 1)
	median, ok := with.Quantile(0.5)
	if !ok || median <= c.RTT || with.Datagrams <= without.Datagrams {
		t.Errorf("at 40 %% p50 %v, %v datagrams; without loss %v", median, with.Datagrams, without.Datagrams)
	}
}

// A device that hears nothing gives up after a minute, and is counted as failed.
func TestSimulateDeadLink(t *testing.T) {
	c := cell(handshake.MLKEM512)
	c.Loss, c.N = 1, 2
	r := simulate(t, c, 1)
	if r.Failed != 2 || !errors.Is(r.Err, session.ErrHandshakeTimeout) {
		t.Errorf("%d of 2 failed: %v", r.Failed, r.Err)
	}
	if _, ok := r.Quantile(0.5); ok || r.Datagrams == 0 {
		t.Errorf("there is a median among failures; %v datagrams", r.Datagrams)
	}
}

func TestSimulateEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Simulate(ctx, cell(1), 1); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

// A configured MTU is kept from the first datagram on.
func TestSimulateConfigured(t *testing.T) {
	c := cell(handshake.XWing)
	c.MTU, c.Configured = 576, true
	if r := simulate(t, c, 1); r.Failed > 0 || r.Times[0] > time.Second {
		t.Errorf("%d of %d failed: %v", r.Failed, r.N(), r.Err)
	}
}
