package matrix

import "time"

// A Budget is what a cell has to keep.
type Budget struct {
	P50, P95 time.Duration
}

// lossBudget are the budgets for one loss.
type lossBudget struct {
	loss        float64
	plain, echo Budget
}

func ms(p50, p95 time.Duration) Budget { return Budget{p50 * time.Millisecond, p95 * time.Millisecond} }

// budgets are ahead of QUIC with X25519MLKEM768 (quic-go 0.65), the fastest of the handshakes
// over UDP that were measured: 144/479, 164/516, 310/753 and 535/1714 ms at these losses, with
// Retry 243/537, 244/700, 485/1142 and 816/4537. Without loss it is round trips that count.
var budgets = []lossBudget{
	{0, Budget{BudgetRTT, BudgetRTT}, Budget{2 * BudgetRTT, 2 * BudgetRTT}},
	{0.05, ms(110, 350), ms(220, 450)},
	{0.10, ms(120, 370), ms(230, 550)},
	{0.20, ms(225, 500), ms(350, 800)},
	{0.40, ms(480, 1300), ms(700, 2200)},
}

// Budget is what the cell has to keep, false if it has none.
func (c Cell) Budget() (Budget, bool) {
	if c.Suite != BudgetSuite || c.RTT != BudgetRTT || c.MTU != BudgetMTU {
		return Budget{}, false
	}
	for _, b := range budgets {
		switch {
		case b.loss != c.Loss:
		case c.Resume != Full && c.Loss > 0: // nothing like it has been measured
		case c.Echo:
			return b.echo, true
		default:
			return b.plain, true
		}
	}
	return Budget{}, false
}

// Allowed is the budget with the allowance of 10 % for the sample.
func (b Budget) Allowed() Budget { return Budget{b.P50 * 11 / 10, b.P95 * 11 / 10} }
