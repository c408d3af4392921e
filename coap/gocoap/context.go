package gocoap

import (
	"context"
	"sync"
)

type identityKey struct{}

// An identity is who has a session.
type identity struct{ device, session string }

// Device is the authenticated name of the device that a handler serves, from the Context of
// its request or of its mux.Conn. It is empty for an anonymous device, on the device's own
// side, and before the first request of the session has come.
func Device(ctx context.Context) string { return identityOf(ctx).device }

// SessionID names the session that a handler serves, like Device does the device.
func SessionID(ctx context.Context) string { return identityOf(ctx).session }

func identityOf(ctx context.Context) identity {
	id, _ := ctx.Value(identityKey{}).(identity)
	return id
}

// A sessionContext is the Context of a mux.Conn. Values that are set later are seen by who
// has it already, so that a value which is set again and again takes no more room.
type sessionContext struct {
	context.Context
	values *sync.Map
}

func newSessionContext() (sessionContext, context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.Background())
	return sessionContext{ctx, new(sync.Map)}, cancel
}

// Value implements context.Context.
func (c sessionContext) Value(key any) any {
	if value, ok := c.values.Load(key); ok {
		return value
	}
	return c.Context.Value(key)
}

// A requestContext is the Context of a request. As in go-coap it ends with the session and
// not with the handler, whose own context is only looked into.
type requestContext struct {
	sessionContext
	handler context.Context
}

// Value implements context.Context.
func (c requestContext) Value(key any) any {
	if value := c.sessionContext.Value(key); value != nil {
		return value
	}
	return c.handler.Value(key)
}
