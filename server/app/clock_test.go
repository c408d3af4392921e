package app

import (
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/plgd-dev/go-coap/v3/message"
	"github.com/plgd-dev/go-coap/v3/message/codes"

	"github.com/pqcoap/pqcoap/coap"
)

// An observer takes what it is told.
type observer struct {
	mu   sync.Mutex
	told []*coap.Message
	at   []time.Time
	done chan struct{}
}

func newObserver() *observer { return &observer{done: make(chan struct{})} }

func (o *observer) Notify(m *coap.Message) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	select {
	case <-o.done:
		return coap.ErrObservationEnded
	default:
	}
	o.told, o.at = append(o.told, m), append(o.at, time.Now())
	return nil
}

func (o *observer) Done() <-chan struct{} { return o.done }
func (o *observer) Close()                { close(o.done) }

func (o *observer) count() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.told)
}

// observe asks as a device that observes; the response comes with what notifies it.
func (a *App) observe(device, uri string, options ...message.Option) (*observer, *coap.Message) {
	o := newObserver()
	r := request(codes.GET, uri, options...)
	r.Device = device
	r.Register = func() coap.Observation { return o }
	return o, a.do(r)
}

func maxAge(t *testing.T, m *coap.Message) uint32 {
	t.Helper()
	age, err := m.Options.GetUint32(message.MaxAge)
	if err != nil {
		t.Fatalf("no Max-Age: %v", err)
	}
	return age
}

// clockApp tells the time of the bubble.
func clockApp(t *testing.T) *App {
	a := openApp(t, t.TempDir())
	a.now = time.Now
	return a
}

func TestTimeObserved(t *testing.T) {
	for _, every := range []int{1, 7, 3600, 86400} {
		synctest.Test(t, func(t *testing.T) {
			a := clockApp(t)
			defer a.Close()
			time.Sleep(300 * time.Millisecond) // between two ticks
			uri := fmt.Sprintf("/time?every=%d", every)
			if every == 1 {
				uri = "/time"
			}
			o, first := a.observe("", uri)
			if first.Code != codes.Content || maxAge(t, first) != uint32(every) {
				t.Errorf("the first state is %v, good for %d s", first.Code, maxAge(t, first))
			}
			period := time.Duration(every) * time.Second
			time.Sleep(5 * period)
			if n := o.count(); n != 5 {
				t.Fatalf("%d states in 5 periods", n)
			}
			for i, m := range o.told {
				at := o.at[i].UTC()
				if at != at.Truncate(period) || string(m.Payload) != at.Format(time.RFC3339) ||
					m.Type != message.NonConfirmable || maxAge(t, m) != uint32(every) {
					t.Errorf("at %v: %q, type %v, good for %d s", at, m.Payload, m.Type, maxAge(t, m))
				}
			}
		})
	}
}

// One timer serves all, and it is off when nobody observes.
func TestTimeOfMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := clockApp(t)
		defer a.Close()
		var all []*observer
		for i := range 30 {
			o, _ := a.observe("", fmt.Sprintf("/time?every=%d", 1+i%3))
			all = append(all, o)
		}
		time.Sleep(6*time.Second + 1)
		for i, o := range all {
			if n, want := o.count(), 6/(1+i%3); n != want {
				t.Errorf("observer %d was told %d times, want %d", i, n, want)
			}
			o.Close()
		}
		time.Sleep(time.Hour)
		a.clock.mu.Lock()
		defer a.clock.mu.Unlock()
		if len(a.clock.periods) != 0 || a.clock.timer.Stop() {
			t.Errorf("%d periods are left, or the timer runs", len(a.clock.periods))
		}
	})
}

func TestTimeClockSetBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := clockApp(t)
		defer a.Close()
		o, _ := a.observe("", "/time")
		a.clock.mu.Lock()
		a.now = func() time.Time { return time.Now().Add(-time.Hour) }
		a.clock.mu.Unlock()
		time.Sleep(10*time.Second + 1)
		if n := o.count(); n < 9 {
			t.Errorf("told %d times in 10 s", n)
		}
	})
}

func TestTimeEveryRefused(t *testing.T) {
	a := testApp(t)
	for _, query := range []string{"every=0", "every=86401", "every=-1", "every=1.5", "every=x", "every", "every=99999999999"} {
		o, m := a.observe("", "/time?"+query)
		if m.Code != codes.BadRequest || o.count() != 0 {
			t.Errorf("%s: %v", query, m.Code)
		}
	}
}

// Who finds no room to observe gets the time all the same.
func TestTimeNoRoom(t *testing.T) {
	a := testApp(t)
	r := request(codes.GET, "/time")
	r.Register = func() coap.Observation { return nil }
	if m := a.do(r); m.Code != codes.Content || maxAge(t, m) != 0 {
		t.Errorf("%v, good for %d s", m.Code, maxAge(t, m))
	}
}

func TestTimeAfterClose(t *testing.T) {
	a := testApp(t)
	a.Close()
	o, _ := a.observe("", "/time")
	select {
	case <-o.Done():
	default:
		t.Error("observes what will not tick")
	}
}
