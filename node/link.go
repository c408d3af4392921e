package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"sync"
	"time"

	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/internal/endpoint"
	"github.com/pqcoap/pqcoap/internal/proxy"
)

// attemptTime is how long one attempt to open a session may take.
const attemptTime = 60 * time.Second

// A link opens sessions for many users: one attempt at a time, and after one that failed the
// next one not before a time that grows (firstRetry to lastRetry).
type link struct {
	dial func(context.Context) (*Conn, error)
	log  *slog.Logger
	ctx  context.Context // of attempts
	done context.CancelFunc
	// refused has the error when the server has refused the device before any session.
	refused chan error

	mu      sync.Mutex
	tasks   sync.WaitGroup
	conn    *Conn         // nil until the first session
	attempt chan struct{} // closed when the attempt under way has ended; nil: there is none
	err     error         // why the last one failed
	retryAt time.Time
	backOff time.Duration
	closed  bool
}

func newLink(log *slog.Logger, dial func(context.Context) (*Conn, error)) *link {
	l := &link{dial: dial, log: log, refused: make(chan error, 1)}
	l.ctx, l.done = context.WithCancel(context.Background())
	return l
}

// ready is peer for who wants the endpoint alone.
func (l *link) ready(ctx context.Context) (*endpoint.Endpoint, error) {
	p, err := l.peer(ctx)
	if err != nil {
		return nil, err
	}
	return p.Endpoint, nil
}

// peer returns the server in the session that is open. It waits for one as long as ctx lets
// it, unless the next attempt will only be made when that has ended.
func (l *link) peer(ctx context.Context) (*linkPeer, error) {
	for {
		p, wait, err := l.state(ctx)
		if p != nil || err != nil {
			return p, err
		}
		select {
		case <-wait:
		case <-ctx.Done():
			return nil, fmt.Errorf("%w: %w", proxy.ErrUnavailable, ctx.Err())
		}
	}
}

// state returns the open session, or what to wait for.
func (l *link) state(ctx context.Context) (*linkPeer, <-chan struct{}, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil, nil, ErrClosed
	}
	if l.conn != nil {
		if end := l.conn.current(); end != nil {
			return &linkPeer{end, l, l.conn}, nil, nil
		}
	}
	if l.attempt == nil {
		deadline, ok := ctx.Deadline()
		if ok && l.retryAt.After(deadline) || time.Now().Before(l.retryAt) && final(l.err) {
			return nil, nil, fmt.Errorf("%w: %w", proxy.ErrUnavailable, l.err)
		}
		l.attempt = make(chan struct{})
		pause := time.Until(l.retryAt)
		l.tasks.Go(func() { l.open(pause) })
	}
	return nil, l.attempt, nil
}

// open makes one attempt, after a pause.
func (l *link) open(pause time.Duration) {
	var err error
	if pause > 0 {
		select {
		case <-time.After(pause):
		case <-l.ctx.Done():
		}
	}
	ctx, cancel := context.WithTimeout(l.ctx, attemptTime)
	defer cancel()
	conn := l.conn // written by this function only
	if conn == nil {
		conn, err = l.dial(ctx)
	} else {
		_, err = conn.ready(ctx)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	close(l.attempt)
	l.attempt, l.err = nil, err
	if err != nil {
		l.failed(err)
		return
	}
	l.conn, l.backOff, l.retryAt = conn, 0, time.Time{}
	l.log.Info("session open", "server", conn.RemoteAddr().String())
}

// failed sets when the next attempt may be made. The caller holds the lock.
func (l *link) failed(err error) {
	if l.closed {
		return
	}
	l.backOff = min(lastRetry, max(firstRetry, 2*l.backOff))
	wait := l.backOff/2 + rand.N(l.backOff/2)
	var refusal *handshake.Refusal
	if errors.As(err, &refusal) {
		wait = max(wait, min(refusal.RetryAfter, lastRetry))
	}
	if final(err) && l.conn == nil {
		select {
		case l.refused <- err:
		default:
		}
	}
	l.retryAt = time.Now().Add(wait)
	l.log.Warn("no session", "again after", wait.Round(time.Millisecond), "error", err)
}

// close ends the session.
func (l *link) close() {
	l.mu.Lock()
	l.closed = true
	l.mu.Unlock()
	l.done()
	l.tasks.Wait()
	if l.conn != nil {
		l.conn.Close()
	}
}

// current is the endpoint of the session that is open, nil where there is none.
func (c *Conn) current() *endpoint.Endpoint {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.active.isOpen() {
		return nil
	}
	return c.active.end
}

// final tells whether the server has said, and proven, that it does not take this device, or the
// device's own files are in the way.
func final(err error) bool {
	if errors.Is(err, ErrConfig) || errors.Is(err, ErrState) {
		return true
	}
	var refusal *handshake.Refusal
	return errors.As(err, &refusal) && refusal.Code != handshake.RefusedOverload
}

// remote is the address of the server, invalid before the first session.
func (l *link) remote() netip.AddrPort {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.conn == nil {
		return netip.AddrPort{}
	}
	return l.conn.RemoteAddr()
}
