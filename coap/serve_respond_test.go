package coap

import (
	"errors"
	"testing"

	"github.com/plgd-dev/go-coap/v3/message"
	"github.com/plgd-dev/go-coap/v3/message/codes"
)

func TestRespondErrors(t *testing.T) {
	p := newProbe(t, Config{})
	p.send(get(1))
	e := p.request()
	for _, m := range []Message{
		{Code: codes.GET}, {}, {Code: codes.Content, Options: message.Options{{ID: message.Block2}}},
		{Code: codes.Content, Options: message.Options{{ID: message.MaxAge}, {ID: message.ETag, Value: []byte{1}}}},
	} {
		if err := p.conn.Respond(p.now, e.ID, m, new(Batch)); !errors.Is(err, ErrFormat) {
			t.Errorf("%v: error %v", m, err)
		}
	}
	p.only(p.respond(e.ID, Message{Code: codes.Content}), message.Acknowledgement, codes.Content)
}
