package conformance

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pqcoap/pqcoap/conformance/simnet"
	"github.com/pqcoap/pqcoap/handshake"
)

const (
	lossSeeds    = 200
	lossRequests = 100
)

// TestHandshakeAndRequestsUnderLoss runs a handshake and 100 requests for 200 seeds at each
// loss. Suites, modes and body sizes take turns.
func TestHandshakeAndRequestsUnderLoss(t *testing.T) {
	for _, loss := range []float64{0, 0.05, 0.10, 0.20, 0.40} {
		t.Run(fmt.Sprintf("%.0f%%", loss*100), func(t *testing.T) {
			t.Parallel()
			for seed := range uint64(lossSeeds) {
				synctest.Test(t, func(t *testing.T) { lossRun(t, loss, seed) })
				if t.Failed() {
					t.Fatalf("seed %d", seed)
				}
			}
		})
	}
}

func lossRun(t *testing.T, loss float64, seed uint64) {
	w := newWorld(t, seed, simnet.Link{Loss: loss, Delay: 50 * time.Millisecond, Jitter: 5 * time.Millisecond})
	defer w.close()
	suite := handshake.Suites()[seed%4]
	c := w.mustDial(config(suite, handshake.Mode(seed/4%3)))
	defer c.Close()
	sizes := rand.New(rand.NewPCG(seed, 0))
	for i := range uint32(lossRequests) {
		up, down := sizes.IntN(64), sizes.IntN(64)
		if i%10 == 9 {
			up, down = sizes.IntN(5000), sizes.IntN(5000)
		}
		if err := exchange(t.Context(), c, i, up, down); err != nil {
			t.Error(err)
			return
		}
	}
	w.handler.once(t, lossRequests)
}
