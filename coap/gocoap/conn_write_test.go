package gocoap

import (
	"errors"
	"testing"

	"github.com/plgd-dev/go-coap/v3/message"

	"github.com/pqcoap/pqcoap/coap"
)

func TestWriteMessage(t *testing.T) {
	p := newPeer(t)
	var asked []coap.Code
	p.do = func(m coap.Message) (coap.Message, error) {
		asked = append(asked, m.Code)
		return *coap.Status(coap.ContentCode), nil
	}
	c := Conn(p)
	for _, test := range []struct {
		code coap.Code
		want error
	}{{coap.ContentCode, ErrNoRequest}, {coap.NotFound, ErrNoRequest}, {0, ErrMessage}, {0x61, ErrMessage}, {0xe1, ErrMessage}, {coap.PUT, nil}} {
		if err := write(c, message.Token{1, 2}, test.code, false); !errors.Is(err, test.want) {
			t.Errorf("%v: %v, want %v", test.code, err, test.want)
		}
	}
	if len(asked) != 1 || asked[0] != coap.PUT {
		t.Errorf("requests %v", asked)
	}
}
