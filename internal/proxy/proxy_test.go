package proxy

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/plgd-dev/go-coap/v3/message"

	"github.com/pqcoap/pqcoap/coap"
	"github.com/pqcoap/pqcoap/internal/session"
)

// A fakePeer is an upstream that does what the test says.
type fakePeer struct {
	coap.Peer
	do      func(ctx context.Context, m coap.Message) (coap.Message, error)
	watch   *fakeWatch
	refuses error // of an observation

	mu   sync.Mutex
	sent []coap.Message
}

func (p *fakePeer) note(m coap.Message) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sent = append(p.sent, m)
}

func (p *fakePeer) Do(ctx context.Context, m coap.Message) (coap.Message, error) {
	p.note(m)
	if p.do == nil {
		return coap.Message{Code: coap.ContentCode}, nil
	}
	return p.do(ctx, m)
}

func (p *fakePeer) Observe(_ context.Context, m coap.Message) (coap.Watch, error) {
	p.note(m)
	if p.refuses != nil {
		return nil, p.refuses
	}
	return p.watch, nil
}

func (p *fakePeer) RemoteAddr() netip.AddrPort { return netip.AddrPort{} }

// A world is a handler before a peer, and how many requests use that.
type world struct {
	*Handler
	peer  *fakePeer
	using int
	mu    sync.Mutex
}

func newWorld(t *testing.T, peer *fakePeer, change ...func(*Config)) *world {
	t.Helper()
	w := &world{peer: peer}
	cfg := Config{Name: "here", Upstream: func(context.Context, *coap.Request) (coap.Peer, func(), error) {
		w.add(1)
		return peer, func() { w.add(-1) }, nil
	}}
	for _, f := range change {
		f(&cfg)
	}
	w.Handler = New(cfg)
	t.Cleanup(func() {
		w.Close()
		if w.using != 0 {
			t.Errorf("%d uses of the peer have not ended", w.using)
		}
	})
	return w
}

func (w *world) add(n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.using += n
}

func (w *world) serve(t *testing.T, m coap.Message) *coap.Message {
	t.Helper()
	return w.ServeCoAP(t.Context(), &coap.Request{Message: m})
}

// serveOf is a request in a session.
func (w *world) serveOf(t *testing.T, session int, m coap.Message) *coap.Message {
	return w.ServeCoAP(t.Context(), &coap.Request{Message: m, SessionID: fmt.Sprint(session)})
}

func TestForward(t *testing.T) {
	body := []byte("body")
	peer := &fakePeer{do: func(_ context.Context, m coap.Message) (coap.Message, error) {
		return coap.Message{Code: coap.Changed, Payload: append([]byte("re: "), m.Payload...)}, nil
	}}
	w := newWorld(t, peer)
	for _, code := range []coap.Code{coap.GET, coap.POST, coap.PUT, coap.DELETE, coap.FETCH, coap.PATCH, coap.IPATCH} {
		answer := w.serve(t, coap.Message{Code: code, Payload: body})
		if answer.Code != coap.Changed || string(answer.Payload) != "re: body" {
			t.Errorf("%v: answer %v %q", code, answer.Code, answer.Payload)
		}
		if sent := peer.sent[len(peer.sent)-1]; sent.Code != code || string(sent.Payload) != "body" {
			t.Errorf("%v went on as %v %q", code, sent.Code, sent.Payload)
		}
	}
}

// What has ended is tried once more where that does no harm.
func TestAgain(t *testing.T) {
	for code, times := range map[coap.Code]int{
		coap.GET: 2, coap.PUT: 2, coap.DELETE: 2, coap.FETCH: 2, coap.IPATCH: 2, coap.POST: 1, coap.PATCH: 1,
	} {
		peer := &fakePeer{do: func(context.Context, coap.Message) (coap.Message, error) {
			return coap.Message{}, session.ErrClosed
		}}
		answer := newWorld(t, peer).serve(t, coap.Message{Code: code})
		if len(peer.sent) != times || answer.Code != 5<<5|2 {
			t.Errorf("%v was sent %d times, want %d, and answered %v", code, len(peer.sent), times, answer.Code)
		}
	}
}

func TestTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		peer := &fakePeer{do: func(ctx context.Context, _ coap.Message) (coap.Message, error) {
			<-ctx.Done()
			return coap.Message{}, ctx.Err()
		}}
		began := time.Now()
		answer := newWorld(t, peer).serve(t, coap.Message{Code: coap.GET})
		if took := time.Since(began); answer.Code != 5<<5|4 || took != DefaultTimeout {
			t.Errorf("answer %v after %v", answer.Code, took)
		}
	})
}

// A slow upstream does not make the proxy hold any number of requests, nor of bytes.
func TestBounds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hold := make(chan struct{})
		peer := &fakePeer{do: func(context.Context, coap.Message) (coap.Message, error) {
			<-hold
			return coap.Message{Code: coap.Changed}, nil
		}}
		w := newWorld(t, peer, func(c *Config) { c.MaxOpen, c.MaxBytes = 10, 1000 })
		codes := make(chan coap.Code, 100)
		for n := range 50 {
			go func() { codes <- w.serveOf(t, n, coap.Message{Code: coap.PUT, Payload: make([]byte, 10)}).Code }()
		}
		synctest.Wait()
		if len(codes) != 40 || len(peer.sent) != 10 {
			t.Errorf("%d turned away, %d sent", len(codes), len(peer.sent))
		}
		if answer := w.serve(t, coap.Message{Code: coap.GET}); answer.Code != coap.ServiceUnavailable {
			t.Errorf("one more: %v", answer.Code)
		}
		close(hold)
		synctest.Wait()
		if answer := w.serve(t, coap.Message{Code: coap.PUT, Payload: make([]byte, 1001)}); answer.Code != coap.ServiceUnavailable {
			t.Errorf("one of too many bytes: %v", answer.Code)
		}
		if answer := w.serve(t, coap.Message{Code: coap.PUT, Payload: make([]byte, 1000)}); answer.Code != coap.Changed {
			t.Errorf("behind them: %v", answer.Code)
		}
	})
}

// One peer with many requests, or large ones, leaves room for others.
func TestShares(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hold := make(chan struct{})
		peer := &fakePeer{do: func(context.Context, coap.Message) (coap.Message, error) {
			<-hold
			return coap.Message{Code: coap.Changed}, nil
		}}
		w := newWorld(t, peer, func(c *Config) { c.MaxOpen, c.MaxBytes = 80, 8000 })
		for _, c := range []struct{ session, size, want int }{{1, 1, 10}, {2, 300, 13}, {3, 2000, 14}} {
			for range 30 {
				go w.serveOf(t, c.session, coap.Message{Code: coap.PUT, Payload: make([]byte, c.size)})
			}
			synctest.Wait()
			if len(peer.sent) != c.want {
				t.Errorf("behind session %d: %d under way, want %d", c.session, len(peer.sent), c.want)
			}
		}
		close(hold)
		synctest.Wait()
		if len(w.peers) != 0 || w.all != (load{}) {
			t.Errorf("in the end %+v, %d peers", w.all, len(w.peers))
		}
	})
}

func TestRewrite(t *testing.T) {
	peer := new(fakePeer)
	w := newWorld(t, peer, func(c *Config) {
		c.Rewrite = func(r *coap.Request, o message.Options) message.Options {
			return Insert(o, message.Option{ID: 65000, Value: []byte(r.Device)})
		}
	})
	w.ServeCoAP(t.Context(), &coap.Request{Device: "a", Message: coap.Message{Code: coap.GET}})
	if o := peer.sent[0].Options; len(o) != 1 || o[0].ID != 65000 || string(o[0].Value) != "a" {
		t.Errorf("options %v", o)
	}
}

func TestNoUpstream(t *testing.T) {
	h := New(Config{Upstream: func(context.Context, *coap.Request) (coap.Peer, func(), error) {
		return nil, nil, errors.Join(ErrUnavailable, context.DeadlineExceeded)
	}})
	defer h.Close()
	answer := h.ServeCoAP(t.Context(), &coap.Request{Message: coap.Message{Code: coap.GET}})
	if age, err := answer.Options.GetUint32(message.MaxAge); answer.Code != coap.ServiceUnavailable || err != nil || age != retryAfter {
		t.Errorf("answer %v, Max-Age %d, %v", answer.Code, age, err)
	}
}
