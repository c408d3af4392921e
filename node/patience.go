package node

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/plgd-dev/go-coap/v3/message"

	"github.com/pqcoap/pqcoap/coap"
)

const (
	// defaultMaxAge is Max-Age where a response has none (RFC 7252 section 5.10.5).
	defaultMaxAge = 60 * time.Second
	maxHeld       = 64 // paths; of more the one that may be asked soonest is forgotten
)

// A patience knows what the server does not want to be asked for now, by path. The zero value
// is ready to use, by many goroutines at once.
type patience struct {
	mu   sync.Mutex
	held map[string]held
}

// A held is a path that the server has asked not to be asked for before a time.
type held struct {
	until  time.Time
	answer coap.Message
}

// message is the response which said so, none of a nil held.
func (h *held) message() coap.Message {
	if h == nil {
		return coap.Message{}
	}
	return h.answer
}

func pathOf(m *coap.Message) string {
	r := coap.Request{Message: *m}
	return r.Path()
}

// note takes a response, and tells whether it asks to come again later.
func (p *patience) note(now time.Time, m, answer *coap.Message) bool {
	if answer.Code != coap.TooManyRequests && answer.Code != coap.ServiceUnavailable {
		return false
	}
	age := maxAge(answer)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.held == nil {
		p.held = make(map[string]held)
	}
	if len(p.held) == maxHeld {
		p.drop(now)
	}
	// Those who were turned away together do not come back together.
	p.held[pathOf(m)] = held{now.Add(age + rand.N(age/8+time.Millisecond)), *answer}
	return true
}

// drop makes room. The caller holds the lock.
func (p *patience) drop(now time.Time) {
	soonest := ""
	for path, h := range p.held {
		if !now.Before(h.until) {
			delete(p.held, path)
		} else if soonest == "" || h.until.Before(p.held[soonest].until) {
			soonest = path
		}
	}
	if len(p.held) == maxHeld {
		delete(p.held, soonest)
	}
}

// wait returns when a path may be asked for. Where that is beyond the deadline it returns at
// once what the server said. When gone is closed, it fails.
func (p *patience) wait(ctx context.Context, gone <-chan struct{}, m *coap.Message) (*held, error) {
	for {
		h := p.of(m)
		if h == nil {
			return nil, nil
		}
		pause := time.Until(h.until)
		if pause <= 0 {
			return nil, nil
		}
		if deadline, ok := ctx.Deadline(); ok && h.until.After(deadline) {
			return h, nil
		}
		select {
		case <-time.After(pause):
		case <-gone:
			return nil, ErrClosed
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// holds tells whether a request may be held up.
func (p *patience) holds(m *coap.Message) bool { return p.of(m) != nil }

// of is what holds a request up, or has. Mostly nothing does, and then its path does not matter.
func (p *patience) of(m *coap.Message) *held {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.held) == 0 {
		return nil
	}
	if h, ok := p.held[pathOf(m)]; ok {
		return &h
	}
	return nil
}

// maxAge is how long a response is good for (RFC 7252 section 5.10.5).
func maxAge(m *coap.Message) time.Duration {
	seconds, err := m.Options.GetUint32(message.MaxAge)
	if err != nil {
		return defaultMaxAge
	}
	return time.Duration(seconds) * time.Second
}
