package gocoap

import (
	"context"
	"io"

	"github.com/plgd-dev/go-coap/v3/message"
	"github.com/plgd-dev/go-coap/v3/message/codes"
	"github.com/plgd-dev/go-coap/v3/mux"

	"github.com/pqcoap/pqcoap/coap"
)

// Handler serves a mux.Router, or any other mux.Handler, on a server or on a device. All
// requests of a session see the same mux.Conn, which is also that of [Conn].
func Handler(h mux.Handler) coap.Handler { return handler{h} }

type handler struct{ mux mux.Handler }

// ServeCoAP implements coap.Handler.
func (h handler) ServeCoAP(ctx context.Context, r *coap.Request) *coap.Message {
	if err := whole(r); err != nil {
		return coap.Status(codes.RequestEntityIncomplete)
	}
	c := connOf(r.Peer)
	c.identify(r)
	x := c.open(r, h.mux)
	if x == nil {
		return overloaded()
	}
	returned := false
	defer func() {
		if !returned { // it has panicked, and its request is answered for that
			x.abandon()
		}
	}()
	w := c.writer(x.token, r.Options)
	c.serve(ctx, h.mux, w, x.token, r)
	returned = true
	defer c.ReleaseMessage(w.Message())
	return x.close(w, r)
}

// whole reads a body that a Streamer around the handler has asked to have while it comes: a
// mux.Handler may seek in it. The Streamer has set how large it may be.
func whole(r *coap.Request) (err error) {
	if r.Body != nil {
		r.Payload, err = io.ReadAll(r.Body)
		r.Body = nil
	}
	return err
}

// serve calls a handler with a request. As in go-coap the request is used again when the
// handler has returned, unless it has called Hijack.
func (c *conn) serve(ctx context.Context, h mux.Handler, w *writer, token message.Token, r *coap.Request) {
	m := c.incoming(requestContext{c.context, ctx}, token, &r.Message)
	h.ServeCOAP(w, &mux.Message{Message: m, RouteParams: new(mux.RouteParams)})
	if !m.IsHijacked() {
		c.ReleaseMessage(m)
	}
}

// overloaded is a 5.03 that asks to come again in a second. The handler has not been called.
func overloaded() *coap.Message {
	return &coap.Message{
		Code:    codes.ServiceUnavailable,
		Options: message.Options{{ID: message.MaxAge, Value: []byte{1}}},
	}
}
