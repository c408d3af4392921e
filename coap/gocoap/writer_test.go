package gocoap

import (
	"errors"
	"testing"

	"github.com/plgd-dev/go-coap/v3/message"
	"github.com/plgd-dev/go-coap/v3/message/noresponse"
	"github.com/plgd-dev/go-coap/v3/mux"

	"github.com/pqcoap/pqcoap/coap"
)

// TestNoResponse: what the device does not want is refused as go-coap does, handed to the session
// to be kept back, and leaves nothing open.
func TestNoResponse(t *testing.T) {
	for _, test := range []struct {
		suppress byte
		code     coap.Code
		refused  bool
	}{{2, coap.Changed, true}, {8, coap.Changed, false}, {8, coap.NotFound, true}, {26, coap.InternalServerError, true}, {0, coap.Changed, false}} {
		p := newPeer(t)
		got := serve(t, p.request(coap.POST, message.Option{ID: message.NoResponse, Value: []byte{test.suppress}}),
			func(w mux.ResponseWriter, _ *mux.Message) {
				err := w.SetResponse(test.code, message.TextPlain, nil)
				if errors.Is(err, noresponse.ErrMessageNotInterested) != test.refused {
					t.Errorf("suppress %d, %v: %v", test.suppress, test.code, err)
				}
			})
		if got == nil || got.Code != test.code || connOf(p).unanswered != 0 {
			t.Errorf("suppress %d: %v, %d unanswered", test.suppress, got, connOf(p).unanswered)
		}
	}
}

// TestSetMessage: a message of the handler's own is the response.
func TestSetMessage(t *testing.T) {
	p := newPeer(t)
	got := serve(t, p.request(coap.GET), func(w mux.ResponseWriter, r *mux.Message) {
		m := w.Conn().AcquireMessage(r.Context())
		m.SetCode(coap.Created)
		w.SetMessage(m)
		if w.Message() != m {
			t.Error("another message")
		}
	})
	if got == nil || got.Code != coap.Created {
		t.Errorf("response %v", got)
	}
}
