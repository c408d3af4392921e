package gocoap

import (
	"context"
	"testing"

	"github.com/plgd-dev/go-coap/v3/mux"

	"github.com/pqcoap/pqcoap/coap"
)

type key string

func TestContext(t *testing.T) {
	p := newPeer(t)
	handler := context.WithValue(t.Context(), key("handler"), 1)
	var kept context.Context
	Handler(mux.HandlerFunc(func(w mux.ResponseWriter, r *mux.Message) {
		w.Conn().SetContextValue(key("a"), "first")
		w.Conn().SetContextValue(key("a"), "second")
		kept = r.Context()
		for _, ctx := range []context.Context{r.Context(), w.Conn().Context(), kept} {
			if Device(ctx) != "sensor-1" || SessionID(ctx) != "c0ffee" || ctx.Value(key("a")) != "second" {
				t.Errorf("device %q, session %q, value %v", Device(ctx), SessionID(ctx), ctx.Value(key("a")))
			}
		}
		if kept.Value(key("handler")) != 1 || w.Conn().Context().Value(key("handler")) != nil {
			t.Error("the handler's own context is for its request")
		}
	})).ServeCoAP(handler, p.request(coap.GET))
	if kept.Err() != nil {
		t.Error("ended with the handler")
	}
	child, cancel := context.WithCancel(kept)
	defer cancel()
	p.Close()
	<-child.Done()
	<-kept.Done()
}

func TestNoIdentity(t *testing.T) {
	if ctx := Conn(newPeer(t)).Context(); Device(ctx) != "" || SessionID(ctx) != "" {
		t.Errorf("device %q, session %q", Device(ctx), SessionID(ctx))
	}
}
