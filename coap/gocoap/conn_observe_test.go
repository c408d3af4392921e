package gocoap

import (
	"errors"
	"testing"

	"github.com/plgd-dev/go-coap/v3/message"
	"github.com/plgd-dev/go-coap/v3/message/pool"

	"github.com/pqcoap/pqcoap/coap"
)

func notification(body string) coap.Message {
	return coap.Message{Code: coap.ContentCode, Options: message.Options{{ID: message.Observe, Value: []byte{1}}}, Payload: []byte(body)}
}

func observing(t *testing.T, first coap.Message) *fakePeer {
	p := newPeer(t)
	p.do = func(coap.Message) (coap.Message, error) { return coap.Message{}, nil }
	p.watch = newWatch(first)
	return p
}

func TestObserve(t *testing.T) {
	p := observing(t, notification("0"))
	states := make(chan string)
	o, err := Conn(p).Observe(t.Context(), "/a", func(m *pool.Message) {
		body, _ := m.ReadBody()
		states <- string(body)
	})
	if err != nil {
		t.Fatal(err)
	}
	p.watch.states <- notification("1")
	for _, want := range []string{"0", "1"} {
		if got := <-states; got != want {
			t.Errorf("state %q, want %q", got, want)
		}
	}
	if o.Canceled() {
		t.Error("canceled")
	}
	if err := o.Cancel(t.Context()); err != nil || !o.Canceled() {
		t.Errorf("cancel: %v, %v", err, o.Canceled())
	}
	<-p.watch.cancelled
}

// TestObserveEndsWithSession: nobody has to cancel.
func TestObserveEndsWithSession(t *testing.T) {
	p := observing(t, notification("0"))
	if _, err := Conn(p).Observe(t.Context(), "/a", func(*pool.Message) {}); err != nil {
		t.Fatal(err)
	}
	p.Close()
	<-p.watch.cancelled
}

func TestObserveRefused(t *testing.T) {
	p := observing(t, *coap.Status(coap.NotFound))
	if _, err := Conn(p).Observe(t.Context(), "/a", func(*pool.Message) { t.Error("a state") }); !errors.Is(err, ErrRefused) {
		t.Errorf("error %v", err)
	}
	<-p.watch.cancelled
}

// TestObserveUnsupported: a response without the option is the only state.
func TestObserveUnsupported(t *testing.T) {
	p := observing(t, *coap.Status(coap.ContentCode))
	o, err := Conn(p).Observe(t.Context(), "/a", func(*pool.Message) {})
	if err != nil || !o.Canceled() {
		t.Errorf("%v, %v", o, err)
	}
}

func TestDoObserveNeedsOption(t *testing.T) {
	c := Conn(observing(t, notification("0")))
	m, err := c.NewGetRequest(t.Context(), "/a")
	if err != nil {
		t.Fatal(err)
	}
	for _, value := range []uint32{1, 7} {
		if _, err := c.DoObserve(m, func(*pool.Message) {}); !errors.Is(err, ErrMessage) {
			t.Errorf("%v: %v", m, err)
		}
		m.SetObserve(value)
	}
}
