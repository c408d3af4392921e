// Package proxy is a [coap.Handler] that forwards requests to a [coap.Peer], as a
// CoAP-to-CoAP proxy without a cache does (RFC 7252 section 5.7): method, body and options go
// on, blocks, tokens and message IDs are each side's own, and an observation on one side is
// bridged to one on the other.
//
//	h := proxy.New(proxy.Config{Upstream: func(context.Context, *coap.Request) (coap.Peer, func(), error) {
//		return peer, func() {}, nil
//	}})
//	defer h.Close()
package proxy

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/plgd-dev/go-coap/v3/message"

	"github.com/pqcoap/pqcoap/coap"
	"github.com/pqcoap/pqcoap/internal/session"
)

// Defaults of a Config.
const (
	DefaultTimeout  = 60 * time.Second
	DefaultMaxOpen  = 1024
	DefaultMaxBytes = 64 << 20
	// DefaultHopLimit is RFC 8768 section 3.
	DefaultHopLimit = 16
)

// A Config says where requests go. Upstream has no default.
type Config struct {
	// Upstream finds the peer for a request, and what is called when it is not needed any
	// more for it. An error is answered as those of the peer are.
	Upstream func(ctx context.Context, r *coap.Request) (coap.Peer, func(), error)
	// Serves tells whether requests for an authority go there too (forward proxy); nil: none.
	Serves func(scheme, host string, port uint16) bool
	// Rewrite changes the options of a request that goes on, in their order; nil: it does not.
	Rewrite func(r *coap.Request, options message.Options) message.Options

	Name     string        // in the diagnostic payload of 5.08
	HopLimit uint8         // given to requests that have none; 0: they get none
	Timeout  time.Duration // of a request and its answer; 0: 60 s
	MaxOpen  int           // requests at once; 0: 1024
	MaxBytes int           // of their bodies; 0: 64 MiB
	Log      *slog.Logger  // nil: none
}

// A Handler is safe for concurrent use.
type Handler struct {
	cfg    Config
	ctx    context.Context // of bridges
	cancel context.CancelFunc

	mu      sync.Mutex
	closed  bool
	bridges sync.WaitGroup
	all     load
	peers   map[string]load // by who asks; who asks nothing is not in it
}

// A load is what is under way.
type load struct {
	requests, bytes int
}

// shares is how many who ask may together take all places.
const shares = 8

// New makes a handler, which is to be closed.
func New(cfg Config) *Handler {
	if cfg.Timeout == 0 {
		cfg.Timeout = DefaultTimeout
	}
	if cfg.MaxOpen == 0 {
		cfg.MaxOpen = DefaultMaxOpen
	}
	if cfg.MaxBytes == 0 {
		cfg.MaxBytes = DefaultMaxBytes
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	h := &Handler{cfg: cfg, peers: make(map[string]load)}
	h.ctx, h.cancel = context.WithCancel(context.Background())
	return h
}

// Close ends the observations that are bridged, and waits for that.
func (h *Handler) Close() {
	h.mu.Lock()
	h.closed = true
	h.mu.Unlock()
	h.cancel()
	h.bridges.Wait()
}

// ServeCoAP forwards a request and returns the answer to it.
func (h *Handler) ServeCoAP(ctx context.Context, r *coap.Request) *coap.Message {
	m, refusal := h.outgoing(r)
	if refusal != nil {
		return refusal
	}
	if !h.admit(r) {
		return unavailable(1)
	}
	defer h.leave(r)
	ctx, cancel := context.WithTimeout(ctx, h.cfg.Timeout)
	defer cancel()
	answer, err := h.forward(ctx, r, m)
	if err != nil && again(ctx, r, err) {
		answer, err = h.forward(ctx, r, m)
	}
	if err != nil {
		h.cfg.Log.Debug("request not answered by upstream", "device", r.Device, "error", err)
		return failed(err)
	}
	return answer
}

func (h *Handler) forward(ctx context.Context, r *coap.Request, m coap.Message) (*coap.Message, error) {
	peer, release, err := h.cfg.Upstream(ctx, r)
	if err != nil {
		return nil, err
	}
	if asksToObserve(r) {
		return h.observe(ctx, r, peer, m, release)
	}
	defer release()
	answer, err := peer.Do(ctx, m)
	if err != nil {
		return nil, err
	}
	return h.incoming(r, &answer), nil
}

// again tells whether a request may be made once more: what it was sent through has ended.
func again(ctx context.Context, r *coap.Request, err error) bool {
	return Idempotent(r.Code) && errors.Is(err, session.ErrClosed) && ctx.Err() == nil
}

// Idempotent tells whether doing a method twice is doing it once (RFC 7252 section 5.1, RFC
// 8132 sections 2 and 3).
func Idempotent(code coap.Code) bool {
	switch code {
	case coap.GET, coap.PUT, coap.DELETE, coap.FETCH, coap.IPATCH:
		return true
	}
	return false
}

// asker names the peer of a request: its session or, without one, its address.
func asker(r *coap.Request) string {
	if r.SessionID != "" {
		return r.SessionID
	}
	return r.Remote.String()
}

// admit takes a request in where there is room. One peer does not get all of it.
func (h *Handler) admit(r *coap.Request) bool {
	bytes := len(r.Payload)
	h.mu.Lock()
	defer h.mu.Unlock()
	own := h.peers[asker(r)]
	switch {
	case h.all.requests >= h.cfg.MaxOpen || h.all.bytes+bytes > h.cfg.MaxBytes:
		return false
	case own.requests > 0 && (own.requests >= h.cfg.MaxOpen/shares || own.bytes+bytes > h.cfg.MaxBytes/shares):
		return false
	}
	h.count(r, 1, bytes)
	return true
}

func (h *Handler) leave(r *coap.Request) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.count(r, -1, -len(r.Payload))
}

// count adds to the loads. The caller holds the lock.
func (h *Handler) count(r *coap.Request, requests, bytes int) {
	own := h.peers[asker(r)]
	own.requests += requests
	own.bytes += bytes
	h.all.requests += requests
	h.all.bytes += bytes
	if h.peers[asker(r)] = own; own.requests == 0 {
		delete(h.peers, asker(r))
	}
}
