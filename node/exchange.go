package node

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/pqcoap/pqcoap/coap"
	"github.com/pqcoap/pqcoap/internal/endpoint"
	"github.com/pqcoap/pqcoap/internal/session"
)

// requestTime is how long a request without a deadline may take.
const requestTime = 60 * time.Second

// ErrUnknownOutcome says that the session has been lost while a request was open which must not be
// made twice: whether the server has acted on it is not known.
var ErrUnknownOutcome = errors.New("node: the session was lost before the answer: whether the request took effect is not known")

// Do sends a request and returns its response. Without a deadline in ctx it gives up after
// 60 s. Path, query and other options are in the message's Options; see [Conn.Get] and the
// others for the common cases.
//
// A response 4.29 or 5.03 is obeyed: the request is made again when its Max-Age has passed,
// and others of the same path wait for that too (RFC 8516, RFC 7252 section 5.9.3.4). Where
// the deadline comes first, that response is returned.
//
// A request that is open when the server says that it does not know the session any more is made
// again in the next one, if it may be made twice: GET, PUT, DELETE, FETCH and iPATCH. POST and
// PATCH fail with ErrUnknownOutcome.
func (c *Conn) Do(ctx context.Context, m coap.Message) (coap.Message, error) {
	l := limited{Context: ctx, begun: time.Now()}
	defer l.end()
	for {
		end, answer, err := c.turn(&l, &m)
		if end == nil {
			return answer, err
		}
		answer, err = end.Do(l.Context, m)
		if err = outcome(&m, err); errors.Is(err, errAgain) {
			continue
		}
		if err != nil || !c.patience.note(time.Now(), &m, &answer) {
			return answer, err
		}
	}
}

// turn returns the endpoint for a request when its time has come, and otherwise what the request
// ends with.
func (c *Conn) turn(l *limited, m *coap.Message) (*endpoint.Endpoint, coap.Message, error) {
	if !c.patience.holds(m) {
		if end, _, wait, err := c.next(); wait == nil {
			return end, coap.Message{}, err
		}
	}
	l.begin()
	if held, err := c.patience.wait(l, c.gone, m); held != nil || err != nil {
		return nil, held.message(), err
	}
	end, err := c.ready(l)
	return end, coap.Message{}, err
}

// A limited is a context that has a deadline once something has to be waited for, 60 s from when
// the request was made. Until then the engine keeps the time.
type limited struct {
	context.Context
	begun  time.Time
	cancel context.CancelFunc
}

func (l *limited) begin() {
	if _, ok := l.Deadline(); !ok {
		l.Context, l.cancel = context.WithDeadline(l.Context, l.begun.Add(requestTime))
	}
}

func (l *limited) end() {
	if l.cancel != nil {
		l.cancel()
	}
}

// errAgain says that a request is to be made again.
var errAgain = errors.New("node: the session was lost and another follows")

// outcome is what an error means for a request that was open in a session which was lost.
func outcome(m *coap.Message, err error) error {
	switch {
	case !errors.Is(err, session.ErrReset) && !errors.Is(err, errMoved):
		return err
	case twice(m.Code):
		return errAgain
	}
	return fmt.Errorf("%w: %w", ErrUnknownOutcome, err)
}

// twice tells whether a request may be made twice to the same effect (RFC 7252 section 5.1, RFC
// 8132).
func twice(code coap.Code) bool { return code != coap.POST && code != coap.PATCH }

// limit gives a context its deadline.
func limit(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); ok {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, requestTime)
}

// Ping asks the server for a sign of life (RFC 7252 section 4.3).
func (c *Conn) Ping(ctx context.Context) error {
	end, err := c.ready(ctx)
	if err != nil {
		return err
	}
	return end.Ping(ctx)
}

// Stream is Do with bodies that are not held whole: body, unless nil, takes the place of m's
// payload, and that of the response comes while it is read. Without a deadline in ctx it
// gives up when nothing has come forward for 60 s. The reader has to be closed; it fails when
// ctx is done.
func (c *Conn) Stream(ctx context.Context, m coap.Message, body coap.Body) (coap.Message, io.ReadCloser, error) {
	patient, cancel := limit(ctx) // no longer for 4.29 and 5.03
	defer cancel()
	for {
		if held, err := c.patience.wait(patient, c.gone, &m); held != nil || err != nil {
			answer := held.message()
			return answer, io.NopCloser(bytes.NewReader(answer.Payload)), err
		}
		end, err := c.ready(ctx)
		if err != nil {
			return coap.Message{}, nil, err
		}
		answer, content, err := end.Stream(ctx, m, body)
		if err = outcome(&m, err); errors.Is(err, errAgain) {
			continue
		}
		if err != nil || !c.patience.note(time.Now(), &m, &answer) {
			return answer, content, err
		}
		content.Close()
	}
}
