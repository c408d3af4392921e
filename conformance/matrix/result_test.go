package matrix

import (
	"errors"
	"testing"
	"time"
)

var errTest = errors.New("test")

// sample is a result of handshakes that took so many milliseconds; 0 stands for a failure.
func sample(c Cell, milliseconds ...int) Result {
	var all []Handshake
	for _, m := range milliseconds {
		h := Handshake{Time: time.Duration(m) * time.Millisecond, Datagrams: 10, Bytes: 100}
		if m == 0 {
			h.Err = errTest
		}
		all = append(all, h)
	}
	return newResult(c, all)
}

func TestQuantile(t *testing.T) {
	tests := []struct {
		times []int
		q     float64
		want  int // milliseconds, 0: not reached
	}{
		{[]int{5}, 0.5, 5},
		{[]int{5}, 0.99, 5},
		{[]int{4, 1, 3, 2}, 0.5, 2},
		{[]int{4, 1, 3, 2}, 0.51, 3},
		{[]int{4, 1, 3, 2}, 0.95, 4},
		{[]int{4, 0, 3, 2}, 0.75, 4},
		{[]int{4, 0, 3, 2}, 0.76, 0},
		{[]int{0, 0}, 0.5, 0},
		{nil, 0.5, 0},
	}
	for _, test := range tests {
		r := sample(Cell{}, test.times...)
		got, ok := r.Quantile(test.q)
		if got != time.Duration(test.want)*time.Millisecond || ok != (test.want > 0) {
			t.Errorf("quantile %v of %v = %v, %t, want %d ms", test.q, test.times, got, ok, test.want)
		}
	}
}

func TestNewResult(t *testing.T) {
	r := sample(Cell{}, 30, 0, 10, 20)
	if r.N() != 4 || r.Failed != 1 || r.Err != errTest || r.Datagrams != 10 || r.Bytes != 100 {
		t.Errorf("result %+v", r)
	}
}

func TestVerdict(t *testing.T) {
	budgeted := Cell{Suite: BudgetSuite, RTT: BudgetRTT, MTU: BudgetMTU, Loss: 0.05} // 110/350
	tests := []struct {
		cell  Cell
		times []int
		want  Verdict
	}{
		{budgeted, []int{100, 100, 350}, Pass},
		{budgeted, []int{121, 121, 385}, Pass},
		{budgeted, []int{122, 122, 385}, FallShort},
		{budgeted, []int{100, 100, 386}, FallShort},
		{budgeted, []int{100, 100, 0}, FallShort},
		{budgeted, nil, FallShort},
		{Cell{Suite: 2, RTT: BudgetRTT, MTU: BudgetMTU}, []int{0}, Unjudged},
	}
	for _, test := range tests {
		r := sample(test.cell, test.times...)
		if got := r.Verdict(); got != test.want {
			t.Errorf("%v: verdict %q, want %q", test.times, got, test.want)
		}
	}
	// One failure in a hundred leaves the percentiles as they are, and is one too many.
	times := make([]int, 100)
	for i := range times {
		times[i] = 100
	}
	if r := sample(budgeted, times...); r.Verdict() != Pass {
		t.Errorf("verdict %q of 100 good handshakes", r.Verdict())
	}
	times[0] = 0
	if r := sample(budgeted, times...); r.Verdict() != FallShort {
		t.Errorf("verdict %q with a failure", r.Verdict())
	}
}
