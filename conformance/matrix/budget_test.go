package matrix

import (
	"testing"
	"time"
)

func TestBudgetAllowed(t *testing.T) {
	got := ms(110, 350).Allowed()
	if want := (Budget{121 * time.Millisecond, 385 * time.Millisecond}); got != want {
		t.Errorf("Allowed = %v, want %v", got, want)
	}
}

// Echo costs a round trip, so its budgets are never below the others.
func TestBudgetsAreOrdered(t *testing.T) {
	for i, b := range budgets {
		if b.plain.P50 > b.plain.P95 || b.echo.P50 > b.echo.P95 || b.plain.P50 > b.echo.P50 || b.plain.P95 > b.echo.P95 {
			t.Errorf("loss %v: %v, with Echo %v", b.loss, b.plain, b.echo)
		}
		if i > 0 && (b.plain.P95 < budgets[i-1].plain.P95 || b.echo.P95 < budgets[i-1].echo.P95) {
			t.Errorf("loss %v has a smaller budget than loss %v", b.loss, budgets[i-1].loss)
		}
	}
}
