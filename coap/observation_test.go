package coap

import (
	"errors"
	"testing"
)

// counted is an observation that counts what it is told.
type counted struct {
	told int
	done chan struct{}
}

func (o *counted) Notify(*Message) error {
	select {
	case <-o.done:
		return ErrObservationEnded
	default:
		o.told++
		return nil
	}
}
func (o *counted) Done() <-chan struct{} { return o.done }
func (o *counted) Close()                { close(o.done) }

func TestObserversTellAllWhoAreLeft(t *testing.T) {
	var set Observers
	a, b := &counted{done: make(chan struct{})}, &counted{done: make(chan struct{})}
	set.Add(a)
	set.Add(b)
	set.Add(nil)
	set.Notify(Status(Valid))
	a.Close()
	set.Notify(Status(Valid))
	if a.told != 1 || b.told != 2 || set.Len() != 1 {
		t.Errorf("told %d and %d, %d left; want 1, 2 and 1", a.told, b.told, set.Len())
	}
}

func TestRequestWithoutObserveOption(t *testing.T) {
	if o := (&Request{}).Observe(); o != nil {
		t.Error("an observation without a request for one")
	}
	if !errors.Is((&counted{done: closed()}).Notify(nil), ErrObservationEnded) {
		t.Error("an ended observation took a notification")
	}
}

func closed() chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}
