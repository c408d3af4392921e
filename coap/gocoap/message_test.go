package gocoap

import (
	"bytes"
	"errors"
	"testing"

	"github.com/plgd-dev/go-coap/v3/message"
	"github.com/plgd-dev/go-coap/v3/message/codes"

	"github.com/pqcoap/pqcoap/coap"
)

// TestMessageCopied: there and back a message is the same, and its copy does not change when it
// is used again.
func TestMessageCopied(t *testing.T) {
	c := connOf(newPeer(t))
	long := bytes.Repeat([]byte("x"), 300) // beyond the buffer of a pool's message
	for _, body := range []string{"", "b", string(long)} {
		in := coap.Message{Code: codes.Content, Payload: []byte(body), Options: message.Options{
			{ID: message.ETag, Value: []byte{1, 2}}, {ID: message.Observe, Value: []byte{9}},
			{ID: message.LocationPath, Value: []byte("a")}, {ID: message.LocationPath, Value: long},
		}}
		m := c.incoming(t.Context(), message.Token{1}, &in)
		out, observes, err := outgoing(m)
		if err != nil || !observes {
			t.Fatalf("observes %v, %v", observes, err)
		}
		c.ReleaseMessage(m)
		c.incoming(t.Context(), nil, &coap.Message{Options: message.Options{{ID: message.ETag, Value: []byte{8, 8}}}})
		if out.Code != in.Code || string(out.Payload) != body || len(out.Options) != 3 {
			t.Errorf("%v", out)
		}
		if etag, _ := out.Options.GetBytes(message.ETag); !bytes.Equal(etag, []byte{1, 2}) {
			t.Errorf("ETag %x", etag)
		}
	}
}

type broken struct{ *bytes.Reader }

func (broken) Seek(int64, int) (int64, error) { return 0, errors.New("as the test wants it") }

func TestOutgoing(t *testing.T) {
	c := connOf(newPeer(t))
	m := c.AcquireMessage(t.Context())
	m.SetType(message.NonConfirmable)
	m.SetCode(codes.Content)
	if out, observes, err := outgoing(m); err != nil || observes || out.Type != message.NonConfirmable {
		t.Errorf("%v, observes %v, %v", out, observes, err)
	}
	m.SetBody(broken{bytes.NewReader(nil)})
	if _, _, err := outgoing(m); !errors.Is(err, ErrMessage) {
		t.Errorf("body that cannot be read: %v", err)
	}
}

func TestClasses(t *testing.T) {
	for _, test := range []struct {
		code              codes.Code
		request, response bool
	}{{codes.Empty, false, false}, {codes.GET, true, false}, {7, true, false}, {codes.Content, false, true},
		{codes.NotFound, false, true}, {codes.BadGateway, false, true}, {0x60, false, false}, {codes.CSM, false, false}} {
		if isRequest(test.code) != test.request || isResponse(test.code) != test.response {
			t.Errorf("%v: request %v, response %v", test.code, isRequest(test.code), isResponse(test.code))
		}
	}
}
