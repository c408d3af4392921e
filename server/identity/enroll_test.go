package identity

import (
	"bytes"
	"context"
	"crypto/rand"
	"strings"
	"testing"

	"github.com/plgd-dev/go-coap/v3/message"
	"github.com/plgd-dev/go-coap/v3/message/codes"

	"github.com/pqcoap/pqcoap/coap"
	"github.com/pqcoap/pqcoap/handshake"
)

func TestEnrolling(t *testing.T) {
	key, err := handshake.GenerateKey(rand.Reader, handshake.MLKEM512)
	if err != nil {
		t.Fatal(err)
	}
	body := key.ServerCredential().Bytes() // of the same shape
	post := func(code byte, body string, path ...message.Option) *coap.Message {
		app := &streamer{}
		r := request("", coap.POST, path...)
		r.Body = strings.NewReader(body)
		defer func() {
			if len(app.asked) > 0 {
				t.Error("the application was asked")
			}
		}()
		return handler(app).Enrolling([16]byte{code}).ServeCoAP(context.Background(), r)
	}
	m := post(1, string(body), segments("enroll")...)
	want := &Answer{Name: "a", Token: key.Public().Bytes()}
	if m.Code != coap.Changed || !bytes.Equal(m.Payload, want.Append(nil)) {
		t.Errorf("enrolled: %v %x", m.Code, m.Payload)
	}
	for name, test := range map[string]struct {
		got  *coap.Message
		want coap.Code
	}{
		"a code that is used up": {post(2, string(body), segments("enroll")...), coap.Forbidden},
		"not CBOR":               {post(1, "x", segments("enroll")...), coap.BadRequest},
		"nothing":                {post(1, "", segments("enroll")...), coap.BadRequest},
		"a byte behind it":       {post(1, string(body)+"x", segments("enroll")...), coap.BadRequest},
		"another suite's key":    {post(1, "\x82\x01"+string(body[2:]), segments("enroll")...), coap.BadRequest},
		"too much":               {post(1, strings.Repeat("x", MaxBody+1), segments("enroll")...), codes.RequestEntityTooLarge},
		"the application":        {post(1, "", segments("a")...), coap.Forbidden},
		"no path":                {post(1, string(body)), coap.Forbidden},
		"renew":                  {post(1, "", segments("renew")...), coap.Forbidden},
		"the server's key":       {post(1, "", segments("hs")...), coap.Forbidden},
		"Proxy-Uri":              {post(1, string(body), with(segments("enroll"), message.ProxyURI, "coap://x/enroll")...), coap.Forbidden},
	} {
		if test.got.Code != test.want || len(test.got.Payload) > 0 {
			t.Errorf("%s: %v %q, want %v", name, test.got.Code, test.got.Payload, test.want)
		}
	}
	if m := handler(&streamer{}).Enrolling([16]byte{1}).ServeCoAP(context.Background(), request("", coap.GET, segments("enroll")...)); m.Code != coap.Forbidden {
		t.Errorf("GET: %v", m.Code)
	}
}
