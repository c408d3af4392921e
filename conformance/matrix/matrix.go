// Package matrix measures handshakes over lossy links, cell by cell: a cell is a suite, a
// round trip, an MTU and a loss.
//
// Start with [Cells] and give each [Cell] to [Simulate], which drives the engine of a device
// and of a server by an event heap under a virtual clock, or to [Measure], which dials a
// server on real sockets through conformance/relay. Both return a [Result], which knows
// whether the cell keeps its [Budget].
//
// A handshake's time is from before its keys are generated until m2 has opened. In a simulated
// run computing takes no time.
package matrix

import (
	"fmt"
	"time"

	"github.com/pqcoap/pqcoap/handshake"
)

// Headers is what IPv6 and UDP take of an MTU, in bytes.
const Headers = 48

// The cell of the budgets: the others show what is around it.
const (
	BudgetSuite = handshake.XWing
	BudgetRTT   = 100 * time.Millisecond
	BudgetMTU   = 1280
)

// A Cell is one place in the matrix. All its handshakes are mutual, by KEM keys.
type Cell struct {
	Suite handshake.Suite
	RTT   time.Duration
	MTU   int     // the IPv6 packet of the path
	Loss  float64 // of each direction
	Echo  bool    // the server demands Echo
	// Configured tells the device the MTU. Else it is configured for 1280 and has to find out
	// that larger datagrams vanish.
	Configured bool
	N          int // handshakes
	Resume     Resume
}

// Payload is the largest UDP payload that the path carries.
func (c Cell) Payload() int { return c.MTU - Headers }

// deviceLimit is the largest UDP payload that the device is configured for; 0 is its default.
func (c Cell) deviceLimit() int {
	if c.Configured {
		return c.Payload()
	}
	return 0
}

// Group names what a cell has in common with those that differ in loss only.
func (c Cell) Group() string {
	s := fmt.Sprintf("Suite %d (%v), RTT %v, MTU %d", c.Suite, c.Suite, c.RTT, c.MTU)
	if c.Configured {
		s += " configured"
	}
	if c.Echo {
		s += ", Echo demanded"
	}
	if c.Resume != Full {
		s += ", resumed " + c.Resume.String()
	}
	return s
}

// Axes are the values whose product is the matrix.
type Axes struct {
	Suites []handshake.Suite
	RTTs   []time.Duration
	MTUs   []int
	Losses []float64
	Echo   []bool
}

// All is the whole matrix; Echo is not demanded in it.
func All() Axes {
	return Axes{
		Suites: handshake.Suites(),
		RTTs:   []time.Duration{20 * time.Millisecond, 100 * time.Millisecond, 600 * time.Millisecond},
		MTUs:   []int{1280, 576, 128},
		Losses: losses(),
		Echo:   []bool{false},
	}
}

// Budgeted is the cells that have a budget.
func Budgeted() Axes {
	return Axes{
		Suites: []handshake.Suite{BudgetSuite},
		RTTs:   []time.Duration{BudgetRTT},
		MTUs:   []int{BudgetMTU},
		Losses: losses(),
		Echo:   []bool{false, true},
	}
}

func losses() []float64 { return []float64{0, 0.05, 0.10, 0.20, 0.40} }

// Cells returns the product of the axes, the losses of a group one after the other, without N.
func (a Axes) Cells() []Cell {
	var cells []Cell
	for _, suite := range a.Suites {
		for _, rtt := range a.RTTs {
			for _, mtu := range a.MTUs {
				for _, echo := range a.Echo {
					for _, loss := range a.Losses {
						cells = append(cells, Cell{Suite: suite, RTT: rtt, MTU: mtu, Loss: loss, Echo: echo})
					}
				}
			}
		}
	}
	return cells
}
