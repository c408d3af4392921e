package gocoap

import (
	"context"
	"fmt"

	"github.com/plgd-dev/go-coap/v3/message/pool"

	"github.com/pqcoap/pqcoap/coap"
)

// Ping implements mux.Conn.
func (c *conn) Ping(ctx context.Context) error { return c.peer.Ping(ctx) }

// AsyncPing is what go-coap's client wants of a connection.
func (c *conn) AsyncPing(pong func()) (cancel func(), err error) {
	ctx, cancel := context.WithCancel(c.context)
	go func() {
		if c.peer.Ping(ctx) == nil {
			pong()
		}
	}()
	return cancel, nil
}

// do sends a request and returns its response, behind go-coap's Do.
func (c *conn) do(m *pool.Message) (*pool.Message, error) {
	request, err := outgoingRequest(m)
	if err != nil {
		return nil, err
	}
	answer, err := c.peer.Do(m.Context(), request)
	if err != nil {
		return nil, err
	}
	return c.incoming(m.Context(), m.Token(), &answer), nil
}

func outgoingRequest(m *pool.Message) (coap.Message, error) {
	if !isRequest(m.Code()) {
		return coap.Message{}, fmt.Errorf("%w: not a request", ErrMessage)
	}
	request, _, err := outgoing(m)
	return request, err
}
