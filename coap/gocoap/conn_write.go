package gocoap

import (
	"errors"
	"fmt"

	"github.com/plgd-dev/go-coap/v3/message"
	"github.com/plgd-dev/go-coap/v3/message/pool"
)

// ErrNoRequest says that no request waits for a message with this token, and nobody observes
// by it: it has been answered, given up or cancelled, or the session has ended.
var ErrNoRequest = errors.New("gocoap: no open request or observation has this token")

// WriteMessage implements mux.Conn. A response goes to the request that has its token: the
// first is the answer, where the handler has not set one, and begins an observation if it has
// an Observe option and the request asks for one. Those that follow are new states of that.
// One with an error code, or without an Observe option, is the last. A request is sent, and
// its response dropped.
func (c *conn) WriteMessage(m *pool.Message) error {
	switch {
	case isRequest(m.Code()):
		answer, err := c.Do(m)
		if err == nil {
			c.ReleaseMessage(answer)
		}
		return err
	case !isResponse(m.Code()):
		return fmt.Errorf("%w: neither request nor response", ErrMessage)
	}
	x := c.exchange(m.Token())
	if x == nil {
		return ErrNoRequest
	}
	return x.write(m)
}

func (c *conn) exchange(token message.Token) *exchange {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.exchanges[string(token)]
}
