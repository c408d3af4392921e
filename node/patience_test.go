package node

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/plgd-dev/go-coap/v3/message"

	"github.com/pqcoap/pqcoap/coap"
)

func to(path string) *coap.Message {
	return &coap.Message{Code: coap.GET, Options: message.Options{{ID: message.URIPath, Value: []byte(path)}}}
}

// later is an answer with a Max-Age, none below 0.
func later(code coap.Code, age int64) *coap.Message {
	m := coap.Status(code)
	if age >= 0 {
		m.Options = message.Options{{ID: message.MaxAge, Value: binary.BigEndian.AppendUint32(nil, uint32(age))}}
	}
	return m
}

func TestMaxAge(t *testing.T) {
	for age, want := range map[int64]time.Duration{
		-1: time.Minute, 0: 0, 1: time.Second, 1<<32 - 1: (1<<32 - 1) * time.Second,
	} {
		if got := maxAge(later(coap.ContentCode, age)); got != want {
			t.Errorf("Max-Age %d: %v, want %v", age, got, want)
		}
	}
}

func TestPatienceNotes(t *testing.T) {
	for code, want := range map[coap.Code]bool{
		coap.TooManyRequests: true, coap.ServiceUnavailable: true,
		coap.ContentCode: false, coap.InternalServerError: false, coap.NotFound: false,
	} {
		if got := new(patience).note(time.Now(), to("a"), later(code, 1)); got != want {
			t.Errorf("%v: %v", code, got)
		}
	}
}

// A path is held until Max-Age has passed, and not much longer; others are not held at all.
func TestPatienceWaits(t *testing.T) {
	for _, age := range []int64{-1, 0, 1, 40} {
		synctest.Test(t, func(t *testing.T) {
			var p patience
			start := time.Now()
			p.note(start, to("a"), later(coap.TooManyRequests, age))
			want := time.Duration(age) * time.Second
			if age < 0 {
				want = time.Minute
			}
			if held, err := p.wait(t.Context(), nil, to("b")); held != nil || err != nil || time.Since(start) != 0 {
				t.Errorf("another path: %v, %v after %v", held, err, time.Since(start))
			}
			if held, err := p.wait(t.Context(), nil, to("a")); held != nil || err != nil {
				t.Errorf("%v, %v", held, err)
			}
			if took := time.Since(start); took < want || took > want+want/8+time.Millisecond {
				t.Errorf("waited %v for a Max-Age of %v", took, want)
			}
		})
	}
}

// Where the deadline comes first, what the server said is there at once.
func TestPatienceDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p patience
		start := time.Now()
		p.note(start, to("a"), later(coap.ServiceUnavailable, 100))
		ctx, cancel := context.WithTimeout(t.Context(), 99*time.Second)
		defer cancel()
		said, err := p.wait(ctx, nil, to("a"))
		if m := said.message(); err != nil || m.Code != coap.ServiceUnavailable || time.Since(start) != 0 {
			t.Errorf("%v, %v after %v", m.Code, err, time.Since(start))
		}
		if m := (*held)(nil).message(); m.Code != 0 {
			t.Errorf("nothing held is answered %v", m.Code)
		}
	})
}

func TestPatienceEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p patience
		p.note(time.Now(), to("a"), later(coap.ServiceUnavailable, 100))
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		if _, err := p.wait(ctx, nil, to("a")); !errors.Is(err, context.Canceled) {
			t.Errorf("canceled: %v", err)
		}
		gone := make(chan struct{})
		time.AfterFunc(time.Second, func() { close(gone) })
		if _, err := p.wait(t.Context(), gone, to("a")); !errors.Is(err, ErrClosed) {
			t.Errorf("closed: %v", err)
		}
	})
}

// A server that answers so for a newer request is waited for anew.
func TestPatienceLonger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p patience
		start := time.Now()
		p.note(start, to("a"), later(coap.ServiceUnavailable, 10))
		time.AfterFunc(5*time.Second, func() { p.note(time.Now(), to("a"), later(coap.ServiceUnavailable, 30)) })
		p.wait(t.Context(), nil, to("a"))
		if took := time.Since(start); took < 35*time.Second {
			t.Errorf("waited %v", took)
		}
	})
}

// What is remembered is bounded; what may be asked for soonest is forgotten first.
func TestPatienceBounds(t *testing.T) {
	var p patience
	now := time.Now()
	age := 60.
	for i := range maxHeld + 10 {
		p.note(now, to(fmt.Sprint(i)), later(coap.ServiceUnavailable, int64(age)))
		age *= 1.15 // by more than the random part
	}
	if len(p.held) != maxHeld {
		t.Errorf("%d paths held", len(p.held))
	}
	for i := range maxHeld + 10 {
		if held := p.holds(to(fmt.Sprint(i))); held != (i >= 10) {
			t.Errorf("path %d held: %v", i, held)
		}
	}
	p.note(now.Add(time.Duration(1<<32)*time.Second), to("x"), later(coap.ServiceUnavailable, 1))
	if len(p.held) != 1 {
		t.Errorf("%d paths held when the time of all but one has passed", len(p.held))
	}
}
