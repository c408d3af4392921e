package gocoap

import (
	"bytes"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/plgd-dev/go-coap/v3/message"
	"github.com/plgd-dev/go-coap/v3/mux"

	"github.com/pqcoap/pqcoap/coap"
)

// TestLaterResponse: one that is written behind the handler, and no second.
func TestLaterResponse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPeer(t)
		var token message.Token
		if got := serve(t, p.request(coap.GET), func(_ mux.ResponseWriter, r *mux.Message) { token = r.Token() }); got != nil {
			t.Fatalf("response %v", got)
		}
		time.Sleep(MaxWait - time.Second)
		if err := write(Conn(p), token, coap.Changed, false); err != nil {
			t.Error(err)
		}
		if err := write(Conn(p), token, coap.Changed, false); !errors.Is(err, ErrNoRequest) {
			t.Errorf("second: %v", err)
		}
		time.Sleep(2 * time.Second)
		if got := p.responses(); !slices.Equal(got, []coap.Code{coap.Changed}) {
			t.Errorf("responses %v", got)
		}
		p.Close()
	})
}

// TestNoResponseAtAll: 5.00 when the time is over, and not behind the session's end.
func TestNoResponseAtAll(t *testing.T) {
	for _, ended := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			p := newPeer(t)
			var token message.Token
			c := Conn(p)
			serve(t, p.request(coap.GET), func(_ mux.ResponseWriter, r *mux.Message) { token = r.Token() })
			var want []coap.Code
			if ended {
				p.Close()
				<-c.Done()
			} else {
				want = []coap.Code{coap.InternalServerError}
			}
			time.Sleep(MaxWait + time.Second)
			if got := p.responses(); !slices.Equal(got, want) {
				t.Errorf("ended %v: responses %v, want %v", ended, got, want)
			}
			if err := write(c, token, coap.Changed, false); !errors.Is(err, ErrNoRequest) {
				t.Errorf("written later: %v", err)
			}
			p.Close()
		})
	}
}

// TestWrittenBeforeReturn: what the handler writes itself is the response, and what it sets
// afterwards none.
func TestWrittenBeforeReturn(t *testing.T) {
	p := newPeer(t)
	got := serve(t, p.request(coap.GET), func(w mux.ResponseWriter, r *mux.Message) {
		if err := write(w.Conn(), r.Token(), coap.Changed, false); err != nil {
			t.Error(err)
		}
		w.SetResponse(coap.Created, message.TextPlain, nil)
	})
	if late := p.responses(); got != nil || !slices.Equal(late, []coap.Code{coap.Changed}) {
		t.Errorf("response %v, written %v", got, late)
	}
	if c := connOf(p); len(c.exchanges) != 0 || c.unanswered != 0 {
		t.Errorf("%d exchanges, %d unanswered", len(c.exchanges), c.unanswered)
	}
}

// TestUnreadableBody: 5.00, and nothing stays open.
func TestUnreadableBody(t *testing.T) {
	p := newPeer(t)
	got := serve(t, p.request(coap.GET), func(w mux.ResponseWriter, _ *mux.Message) {
		w.SetResponse(coap.ContentCode, message.TextPlain, broken{bytes.NewReader(nil)})
	})
	if got == nil || got.Code != coap.InternalServerError || connOf(p).unanswered != 0 {
		t.Errorf("response %v, %d unanswered", got, connOf(p).unanswered)
	}
}

// TestTokens: each request has its own.
func TestTokens(t *testing.T) {
	p := newPeer(t)
	seen := make(map[string]bool)
	for range MaxOpen {
		serve(t, p.request(coap.GET), func(_ mux.ResponseWriter, r *mux.Message) { seen[r.Token().String()] = true })
	}
	if len(seen) != MaxOpen {
		t.Errorf("%d tokens for %d requests", len(seen), MaxOpen)
	}
}
