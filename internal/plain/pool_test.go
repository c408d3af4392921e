package plain

import (
	"errors"
	"fmt"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pqcoap/pqcoap/coap"
	"github.com/pqcoap/pqcoap/conformance/simnet"
)

// get takes a connection of a pool, or fails the test.
func (w *world) get(p *Pool, key string) (*Conn, func()) {
	w.t.Helper()
	c, release, err := p.Get(key, w.dialer)
	if err != nil {
		w.t.Fatalf("%s: %v", key, err)
	}
	return c, release
}

func (w *world) dialer() (*Conn, error) {
	return DialOn(w.net.Listen(netip.AddrPortFrom(clientAddr, 0)), serverAddr, Config{}), nil
}

func TestPool(t *testing.T) {
	run(t, simnet.Link{}, Config{Handler: echo}, func(t *testing.T, w *world) {
		p := NewPool(8, time.Minute)
		defer p.Close()
		a, releaseA := w.get(p, "a")
		same, releaseSame := w.get(p, "a")
		b, releaseB := w.get(p, "b")
		if a != same || a == b || a.LocalAddr() == b.LocalAddr() {
			t.Error("connections are not by key")
		}
		w.echoed(a, 10)
		releaseA()
		releaseB()
		time.Sleep(59 * time.Second)
		if p.Len() != 2 {
			t.Errorf("%d connections before their time", p.Len())
		}
		time.Sleep(2 * time.Second)
		if p.Len() != 1 {
			t.Errorf("%d connections, want the one in use", p.Len())
		}
		select {
		case <-b.Done():
		default:
			t.Error("the unused connection goes on")
		}
		w.echoed(same, 10)
		releaseSame()
		time.Sleep(time.Minute + time.Second)
		if p.Len() != 0 {
			t.Errorf("%d connections in the end", p.Len())
		}
	})
}

// Where there is no room the one goes that was unused for longest; those in use stay.
func TestPoolBound(t *testing.T) {
	run(t, simnet.Link{}, Config{Handler: echo}, func(t *testing.T, w *world) {
		p := NewPool(3, time.Hour)
		defer p.Close()
		var releases []func()
		for _, key := range []string{"a", "b", "c"} {
			_, release := w.get(p, key)
			releases = append(releases, release)
		}
		if _, _, err := p.Get("d", w.dialer); !errors.Is(err, ErrFull) {
			t.Errorf("one too many: %v", err)
		}
		b := p.conns["b"].conn
		releases[1]()
		time.Sleep(time.Second)
		releases[0]()
		w.get(p, "d")
		synctest.Wait()
		select {
		case <-b.Done():
		default:
			t.Error("another was closed than the one that was unused for longest")
		}
		for n := range 3000 {
			_, release := w.get(p, fmt.Sprint(n))
			release()
			if p.Len() > 3 {
				t.Fatalf("%d connections", p.Len())
			}
		}
	})
}

// One that has ended is replaced, and what is forgotten ends.
func TestPoolEnds(t *testing.T) {
	run(t, simnet.Link{}, Config{Handler: echo}, func(t *testing.T, w *world) {
		p := NewPool(3, time.Hour)
		a, release := w.get(p, "a")
		a.hub.refused()
		again, releaseAgain := w.get(p, "a")
		if a == again {
			t.Fatal("what has ended was given out")
		}
		w.echoed(again, 10)
		release()
		releaseAgain()
		p.Forget("a")
		p.Forget("none")
		synctest.Wait()
		if _, err := again.Do(t.Context(), coap.Message{Code: coap.GET}); !errors.Is(err, ErrClosed) {
			t.Errorf("what is forgotten: %v", err)
		}
		last, releaseLast := w.get(p, "b")
		p.Close()
		releaseLast()
		if _, err := last.Do(t.Context(), coap.Message{Code: coap.GET}); !errors.Is(err, ErrClosed) {
			t.Errorf("after Close: %v", err)
		}
		if _, _, err := p.Get("c", w.dialer); !errors.Is(err, ErrClosed) {
			t.Errorf("Get after Close: %v", err)
		}
	})
}

func TestPoolDialFails(t *testing.T) {
	p := NewPool(1, time.Hour)
	defer p.Close()
	want := errors.New("no")
	if _, _, err := p.Get("a", func() (*Conn, error) { return nil, want }); !errors.Is(err, want) || p.Len() != 0 {
		t.Errorf("error %v, %d connections", err, p.Len())
	}
}
