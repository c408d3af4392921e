package gocoap

import (
	"sync"
	"time"

	"github.com/plgd-dev/go-coap/v3/message"
	"github.com/plgd-dev/go-coap/v3/message/pool"
	"github.com/plgd-dev/go-coap/v3/mux"

	"github.com/pqcoap/pqcoap/coap"
)

const (
	// MaxOpen is how many requests of one session may be without a response: those that are
	// handled and those whose handler has returned without one. To more the answer is 5.03,
	// and no handler is called. It is half of what the session itself would hold, so that
	// requests which nobody answers leave room for those to other handlers.
	MaxOpen = 32
	// MaxWait is how long a response may come after its handler has returned: as long as a
	// device waits that sets no deadline. Then the answer is 5.00, which is not a reason to
	// ask again.
	MaxWait = 60 * time.Second
	// maxObserved is how many observations of one session there may be, and handlers at work
	// to hear that one has ended.
	maxObserved = 64
)

// An exchange is a request that has no response yet, or that observes.
type exchange struct {
	conn    *conn
	token   message.Token
	request coap.Request // without its body
	handler mux.Handler

	mu       sync.Mutex // held while sending: what is written first is sent first
	answered bool
	leaving  bool // the handler is being told that the observer is gone
	observed coap.Observation
	giveUp   *time.Timer // guarded by conn.mu
}

// open makes the exchange of a request, nil where there is no room.
func (c *conn) open(r *coap.Request, h mux.Handler) *exchange {
	x := &exchange{conn: c, request: *r, handler: h}
	x.request.Payload = nil
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.unanswered >= MaxOpen {
		return nil
	}
	for x.token == nil || c.exchanges[string(x.token)] != nil {
		x.token, _ = message.GetToken() // crypto/rand does not fail
	}
	c.unanswered++
	if !c.closed {
		c.exchanges[string(x.token)] = x
	}
	return x
}

// settle notes that there is a response. The caller holds x.mu.
func (x *exchange) settle(observes bool) {
	c := x.conn
	x.answered = true
	c.mu.Lock()
	defer c.mu.Unlock()
	c.unanswered--
	if x.giveUp != nil {
		x.giveUp.Stop()
	}
	if !observes {
		delete(c.exchanges, string(x.token))
	}
}

// answer makes the response of a message, the first for this exchange. The caller holds x.mu.
func (x *exchange) answer(m *pool.Message) (*coap.Message, error) {
	response, observes, err := outgoing(m)
	if err != nil {
		return nil, err
	}
	x.settle(observes && class(response.Code) == 2 && x.observe())
	return &response, nil
}

// close takes the response that the handler has set to r, when it has returned, and nil where
// one has been written or may be yet.
func (x *exchange) close(w *writer, r *coap.Request) *coap.Message {
	x.mu.Lock()
	defer x.mu.Unlock()
	switch {
	case x.answered:
		return nil
	case w.Message().IsModified():
		r.Content = file(w.Message())
		response, err := x.answer(w.Message())
		if err != nil {
			x.settle(false)
			response = coap.Status(coap.InternalServerError)
		}
		return response
	case w.unwanted != 0: // the session keeps it back
		x.settle(false)
		return coap.Status(w.unwanted)
	}
	x.wait()
	return nil
}

// wait keeps the request open behind its handler.
func (x *exchange) wait() {
	x.request.Defer()
	x.conn.mu.Lock()
	defer x.conn.mu.Unlock()
	if !x.conn.closed {
		x.giveUp = time.AfterFunc(MaxWait, x.expire)
	}
}

// expire answers a request that has waited too long.
func (x *exchange) expire() {
	x.mu.Lock()
	defer x.mu.Unlock()
	if !x.answered {
		x.settle(false)
		x.request.Defer()(coap.Status(coap.InternalServerError)) // its failure: nobody waits
	}
}

// abandon forgets an exchange that is answered elsewhere.
func (x *exchange) abandon() {
	x.mu.Lock()
	defer x.mu.Unlock()
	if !x.answered {
		x.settle(false)
	}
}
