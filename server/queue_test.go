package server

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pqcoap/pqcoap/coap"
)

var anHour = QueueOptions{Expiry: time.Hour}

func (w *bench) queue(m coap.Message, opt QueueOptions) *Queued {
	w.t.Helper()
	q, err := w.server.Queue("a", m, opt)
	if err != nil {
		w.t.Fatal(err)
	}
	return q
}

// wants fails unless a request has ended so; nil: with an answer.
func wants(t *testing.T, q *Queued, want error) {
	t.Helper()
	m, err := q.Wait(t.Context())
	if !errors.Is(err, want) || want == nil && m.Code != coap.Changed {
		t.Errorf("ended with %v, %v; want %v", m.Code, err, want)
	}
}

func pending(q *Queued) bool {
	synctest.Wait()
	select {
	case <-q.Done():
		return false
	default:
		return true
	}
}

// A device that is there is asked at once; one that is not, when it comes: in its order, in
// whatever session.
func TestQueue(t *testing.T) {
	onBench(t, func(t *testing.T, w *bench) {
		first := w.queue(put("0"), anHour)
		d := w.connect(nil)
		wants(t, first, nil)
		wants(t, w.queue(put("1"), anHour), nil)

		time.Sleep(time.Minute)
		d.sleep(true)
		var queued []*Queued
		for i := range 5 {
			queued = append(queued, w.queue(put(fmt.Sprint(2+i)), anHour))
		}
		time.Sleep(10 * time.Minute)
		before := w.server.Stats()
		if !pending(queued[0]) || before.Queue.Waiting != 5 || before.Records.DatagramsOut > 40 {
			t.Errorf("asked in its sleep: %+v", before)
		}
		d.sleep(false)
		d.get()
		for _, q := range queued {
			wants(t, q, nil)
		}
		d.close()
		last := w.queue(put("7"), anHour)
		other := w.connect(nil)
		wants(t, last, nil)
		if got := append(d.heard(), other.heard()...); !slices.Equal(got, strings.Split("01234567", "")) {
			t.Errorf("the device was asked %v", got)
		}
		if s := w.server.Stats().Queue; s.Queued != 8 || s.Answered != 8 || s.Waiting != 0 || s.Bytes != 0 || len(w.server.queue.devices) != 0 {
			t.Errorf("%+v, %d devices", s, len(w.server.queue.devices))
		}
		other.close()
	})
}

func TestQueueRefuses(t *testing.T) {
	onBench(t, func(t *testing.T, w *bench) {
		for _, err := range []error{
			func() error { _, err := w.server.Queue("", put("x"), anHour); return err }(),
			func() error { _, err := w.server.Queue("a", put("x"), QueueOptions{}); return err }(),
		} {
			if !errors.Is(err, ErrQueue) {
				t.Errorf("error %v", err)
			}
		}
		for range QueueDevice {
			w.queue(put("x"), anHour)
		}
		if _, err := w.server.Queue("a", put("x"), anHour); !errors.Is(err, ErrQueueFull) {
			t.Errorf("error %v", err)
		}
		w.queue(put("y"), QueueOptions{Expiry: time.Hour, Replace: true}) // takes no place more
		for i := range QueueTotal {
			_, err := w.server.Queue(fmt.Sprint("d", i), put("x"), anHour)
			if full := i >= QueueTotal-QueueDevice; errors.Is(err, ErrQueueFull) != full {
				t.Fatalf("request %d: error %v", i, err)
			}
		}
		if s := w.server.Stats().Queue; s.Waiting != QueueTotal || s.Full != 1+QueueDevice || s.Replaced != 1 {
			t.Errorf("%+v", s)
		}
		w.server.Close()
		if _, err := w.server.Queue("a", put("x"), anHour); !errors.Is(err, ErrClosed) {
			t.Errorf("error %v", err)
		}
		if s := w.server.Stats().Queue; s.Waiting != 0 || s.Bytes != 0 || s.Failed != QueueTotal {
			t.Errorf("closed: %+v", s)
		}
	})
}

func TestQueueBytes(t *testing.T) {
	onBench(t, func(t *testing.T, w *bench) {
		large := put(strings.Repeat("x", QueueBytes/4))
		var err error
		n := 0
		for ; err == nil; n++ {
			_, err = w.server.Queue("a", large, anHour)
		}
		if !errors.Is(err, ErrQueueFull) || n != 4 {
			t.Errorf("%d taken, %v", n, err)
		}
	})
}

// Time, a newer request and the caller end what waits, and what is being sent.
func TestQueueEnds(t *testing.T) {
	onBench(t, func(t *testing.T, w *bench) {
		old := w.queue(put("1"), anHour)
		other := coap.Message{Code: coap.PUT, Options: path("y")}
		kept := w.queue(other, anHour)
		replacing := w.queue(put("2"), QueueOptions{Expiry: time.Minute, Replace: true})
		wants(t, old, ErrReplaced)
		cancelled := w.queue(put("3"), anHour)
		cancelled.Cancel()
		cancelled.Cancel()
		wants(t, cancelled, ErrCancelled)
		start := time.Now()
		wants(t, replacing, ErrExpired)
		if took := time.Since(start); took != time.Minute || !pending(kept) {
			t.Errorf("expired after %v", took)
		}
		d := w.connect(nil)
		wants(t, kept, nil)
		if got := d.heard(); len(got) != 1 {
			t.Errorf("asked %v", got)
		}
		d.sleep(true)
		wants(t, w.queue(put("4"), QueueOptions{Expiry: time.Second}), ErrExpired)
		s := w.server.Stats().Queue
		if s.Expired != 2 || s.Replaced != 1 || s.Cancelled != 1 || s.Answered != 1 || s.Waiting != 0 {
			t.Errorf("%+v", s)
		}
		d.close()
	})
}
