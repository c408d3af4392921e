package matrix

import (
	"testing"
	"time"
)

func TestCells(t *testing.T) {
	cells := All().Cells()
	if want := 4 * 3 * 3 * 5; len(cells) != want {
		t.Errorf("%d cells, want %d", len(cells), want)
	}
	seen := make(map[Cell]bool)
	for i, c := range cells {
		if seen[c] {
			t.Errorf("%v comes twice", c)
		}
		seen[c] = true
		if i%5 > 0 && c.Group() != cells[i-1].Group() {
			t.Errorf("cell %d is not in the group of the one before", i)
		}
	}
}

// Every cell of Budgeted has a budget, and of the others none.
func TestCellsWithBudget(t *testing.T) {
	for _, c := range Budgeted().Cells() {
		if _, ok := c.Budget(); !ok {
			t.Errorf("%v has no budget", c)
		}
	}
	count := 0
	for _, c := range All().Cells() {
		if _, ok := c.Budget(); ok {
			count++
		}
	}
	if count != 5 {
		t.Errorf("%d cells of the matrix have a budget, want 5", count)
	}
	if b, ok := (Cell{Suite: BudgetSuite, RTT: BudgetRTT, MTU: BudgetMTU, Loss: 0.3}).Budget(); ok {
		t.Errorf("loss of 30 %% has the budget %v", b)
	}
}

func TestCellGroup(t *testing.T) {
	c := Cell{Suite: 3, RTT: 20 * time.Millisecond, MTU: 576, Configured: true, Echo: true}
	if got, want := c.Group(), "Suite 3 (ML-KEM-512), RTT 20ms, MTU 576 configured, Echo demanded"; got != want {
		t.Errorf("Group = %q, want %q", got, want)
	}
}

func TestCellPayload(t *testing.T) {
	c := Cell{MTU: 128}
	if c.Payload() != 80 || c.deviceLimit() != 0 {
		t.Errorf("payload %d, told %d, want 80 and nothing", c.Payload(), c.deviceLimit())
	}
	if c.Configured = true; c.deviceLimit() != 80 {
		t.Errorf("told %d, want 80", c.deviceLimit())
	}
}
