package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pqcoap/pqcoap/coap"
	"github.com/pqcoap/pqcoap/node"
)

// At a rate requests are due at their times, no more than there is time for, and one that nobody was
// free for is late.
func TestDue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := load{rate: 10, duration: time.Second, began: time.Now()}
		for i := range 10 {
			due, ok := l.due(t.Context())
			if want := time.Duration(i) * 100 * time.Millisecond; !ok || due.Sub(l.began) != want {
				t.Errorf("request %d is due after %v, %t", i, due.Sub(l.began), ok)
			}
			if i == 3 {
				time.Sleep(250 * time.Millisecond)
			}
		}
		if _, ok := l.due(t.Context()); ok || time.Since(l.began) != 900*time.Millisecond {
			t.Error("more requests than there is time for", time.Since(l.began))
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		l = load{rate: 1, duration: time.Hour, began: time.Now().Add(time.Minute)}
		if _, ok := l.due(ctx); ok {
			t.Error("a request is due when all is over")
		}
	})
}

func TestDueClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := load{duration: time.Second, began: time.Now()}
		if due, ok := l.due(t.Context()); !ok || !due.Equal(l.began) {
			t.Error("the first request is not due at once")
		}
		time.Sleep(time.Second)
		if _, ok := l.due(t.Context()); ok {
			t.Error("a request is due when the time is over")
		}
	})
}

func TestFailure(t *testing.T) {
	for want, tt := range map[string]struct {
		code coap.Code
		err  error
	}{
		"":                  {coap.ContentCode, nil},
		"4.04 Not Found":    {coap.NotFound, nil},
		"no answer in time": {0, fmt.Errorf("x: %w", context.DeadlineExceeded)},
		"interrupted":       {0, context.Canceled},
		"session lost":      {0, fmt.Errorf("%w: x", node.ErrUnknownOutcome)},
		"other":             {0, errors.New("other")},
	} {
		if got := failure(tt.code, tt.err); got != want {
			t.Errorf("failure %q, want %q", got, want)
		}
	}
}

func TestBenchReport(t *testing.T) {
	r := benchReport{Clients: 2, Sessions: 1, Seconds: 1.5, Requests: 12, PerSecond: 6, P50: 1, P90: 2, P99: 3, Max: 4,
		Errors: map[string]int{"b": 2, "a": 1}, OverheadOut: 30.5, OverheadIn: 29}
	var out strings.Builder
	r.write(&out)
	want := "2 clients, 1 sessions, 1.5 s: 12 requests, 6 answered a second\n" +
		"p50 1.00 ms, p90 2.00 ms, p99 3.00 ms, max 4.00 ms\n" +
		"beyond the bodies: 30.5 B out, 29.0 B in a request\n" +
		"failed: 1 a\nfailed: 2 b\n"
	if out.String() != want || r.failed() != 3 {
		t.Errorf("%d failed:\n%s", r.failed(), &out)
	}
}
