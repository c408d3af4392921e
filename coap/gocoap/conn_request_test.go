package gocoap

import (
	"bytes"
	"errors"
	"testing"

	"github.com/plgd-dev/go-coap/v3/message"

	"github.com/pqcoap/pqcoap/coap"
)

func TestRequests(t *testing.T) {
	p := newPeer(t)
	p.do = func(m coap.Message) (coap.Message, error) {
		r := coap.Request{Message: m}
		return *coap.Content(message.TextPlain, []byte(m.Code.String()+" "+r.Path()+" "+string(m.Payload))), nil
	}
	c := Conn(p)
	body := func() *bytes.Reader { return bytes.NewReader([]byte("body")) }
	for want, ask := range map[string]func() (interface{ ReadBody() ([]byte, error) }, error){
		"GET /a ":      func() (interface{ ReadBody() ([]byte, error) }, error) { return c.Get(t.Context(), "/a") },
		"DELETE /a ":   func() (interface{ ReadBody() ([]byte, error) }, error) { return c.Delete(t.Context(), "/a") },
		"PUT /a body":  func() (interface{ ReadBody() ([]byte, error) }, error) { return c.Put(t.Context(), "/a", 0, body()) },
		"POST /a body": func() (interface{ ReadBody() ([]byte, error) }, error) { return c.Post(t.Context(), "/a", 0, body()) },
	} {
		answer, err := ask()
		if err != nil {
			t.Fatal(err)
		}
		if got, err := answer.ReadBody(); string(got) != want || err != nil {
			t.Errorf("%q, %v: want %q", got, err, want)
		}
	}
	if err := c.Ping(t.Context()); err != nil {
		t.Error(err)
	}
	pong := make(chan struct{})
	cancel, err := c.(*conn).AsyncPing(func() { close(pong) })
	if err != nil {
		t.Fatal(err)
	}
	<-pong
	cancel()
}

func TestRequestFails(t *testing.T) {
	p := newPeer(t)
	failure := errors.New("as the test wants it")
	p.do = func(coap.Message) (coap.Message, error) { return coap.Message{}, failure }
	c := Conn(p)
	if _, err := c.Get(t.Context(), "/a"); !errors.Is(err, failure) {
		t.Errorf("get: %v", err)
	}
	m := c.AcquireMessage(t.Context())
	m.SetCode(coap.ContentCode)
	if _, err := c.Do(m); !errors.Is(err, ErrMessage) {
		t.Errorf("a response: %v", err)
	}
}
