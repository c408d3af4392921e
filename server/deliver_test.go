package server

import (
	"testing"
	"time"

	"github.com/pqcoap/pqcoap/coap"
)

// A device that falls asleep over a request is asked again when it wakes, unless that could be
// twice what was to be once.
func TestQueueAsksAgain(t *testing.T) {
	onBench(t, func(t *testing.T, w *bench) {
		d := w.connect(nil)
		d.sleep(true)
		again := w.queue(put("1"), anHour)
		behind := w.queue(put("2"), anHour)
		time.Sleep(10 * time.Minute)
		if !pending(again) {
			t.Fatal("ended while the device was asleep")
		}
		d.sleep(false)
		d.get()
		wants(t, again, nil)
		wants(t, behind, nil)
		if s := w.server.Stats().Queue; s.Repeated != 1 {
			t.Errorf("%+v", s)
		}
		d.sleep(true)
		m := put("3")
		m.Code = coap.POST
		wants(t, w.queue(m, anHour), ErrUncertain)
		d.close()
	})
}

// A request that its session does not outlive goes on in the next, which is here already.
func TestQueueSurvivesSession(t *testing.T) {
	onBench(t, func(t *testing.T, w *bench) {
		d := w.connect(nil)
		d.close() // without a word, as in a crash
		q := w.queue(put("1"), anHour)
		time.Sleep(time.Second)
		next := w.connect(nil)
		wants(t, q, nil)
		if got := next.heard(); len(got) != 1 {
			t.Errorf("asked %v", got)
		}
		next.close()
	})
}

// What a device answers is the answer, also a refusal; a reset is a failure.
func TestQueueAnswers(t *testing.T) {
	onBench(t, func(t *testing.T, w *bench) {
		d := w.connect(nil)
		d.mu.Lock()
		d.serve = func(coap.Message) *coap.Message { return coap.Status(coap.NotFound) }
		d.mu.Unlock()
		m, err := w.queue(put("1"), anHour).Wait(t.Context())
		if err != nil || m.Code != coap.NotFound {
			t.Errorf("%v, %v", m.Code, err)
		}
		bad := put("2")
		bad.Code = coap.ContentCode
		if _, err := w.queue(bad, anHour).Wait(t.Context()); err == nil {
			t.Error("a response was sent as a request")
		}
		d.close()
	})
}
