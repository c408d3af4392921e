package plain

import (
	"errors"
	"sync"
	"time"
)

// ErrFull says that all connections of a pool are in use.
var ErrFull = errors.New("plain: all connections in use")

// A Pool keeps connections, by a key of the caller's, each with a port of its own. What nobody
// uses is closed after a while, or when others need its place. Its methods are safe for
// concurrent use.
type Pool struct {
	max  int
	idle time.Duration

	mu      sync.Mutex
	conns   map[string]*pooled
	closing sync.WaitGroup
	timer   *time.Timer
	closed  bool
}

// A pooled connection.
type pooled struct {
	conn  *Conn
	users int
	used  time.Time // when the last user has gone
}

// NewPool makes a pool of at most max connections, which closes what nobody has used for the
// time idle.
func NewPool(max int, idle time.Duration) *Pool {
	p := &Pool{max: max, idle: idle, conns: make(map[string]*pooled)}
	p.timer = time.AfterFunc(idle, p.sweep)
	p.timer.Stop()
	return p
}

// Get returns the connection of a key, which dial makes where there is none, and what is called
// once when it is not needed any more.
func (p *Pool) Get(key string, dial func() (*Conn, error)) (*Conn, func(), error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, nil, ErrClosed
	}
	e := p.conns[key]
	if e != nil && e.ended() {
		p.drop(key)
		e = nil
	}
	if e == nil {
		if len(p.conns) >= p.max && !p.evict() {
			return nil, nil, ErrFull
		}
		conn, err := dial()
		if err != nil {
			return nil, nil, err
		}
		e = &pooled{conn: conn}
		p.conns[key] = e
	}
	e.users++
	return e.conn, func() { p.release(e) }, nil
}

func (e *pooled) ended() bool {
	select {
	case <-e.conn.Done():
		return true
	default:
		return false
	}
}

func (p *Pool) release(e *pooled) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if e.users--; e.users > 0 {
		return
	}
	e.used = time.Now()
	if !p.closed {
		p.arm(e.used)
	}
}

// evict closes the unused connection that was used longest ago, and tells whether there was one.
func (p *Pool) evict() bool {
	oldest := ""
	for key, e := range p.conns {
		if e.users == 0 && (oldest == "" || e.used.Before(p.conns[oldest].used)) {
			oldest = key
		}
	}
	p.drop(oldest)
	return oldest != ""
}

// drop closes a connection, if there is one of that key. Its handlers may take their time.
func (p *Pool) drop(key string) {
	if e := p.conns[key]; e != nil {
		delete(p.conns, key)
		p.closing.Go(func() { e.conn.Close() })
	}
}

// Forget closes the connection of a key.
func (p *Pool) Forget(key string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.closed {
		p.drop(key)
	}
}

// sweep closes what nobody has used for long.
func (p *Pool) sweep() {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	for key, e := range p.conns {
		if !p.closed && e.users == 0 && now.Sub(e.used) >= p.idle {
			p.drop(key)
		}
	}
	p.arm(now)
}

// arm sets the timer for the connection that has been unused for longest.
func (p *Pool) arm(now time.Time) {
	next := time.Time{}
	for _, e := range p.conns {
		if at := e.used.Add(p.idle); e.users == 0 && (next.IsZero() || at.Before(next)) {
			next = at
		}
	}
	if !next.IsZero() {
		p.timer.Reset(max(0, next.Sub(now)))
	}
}

// Len is how many connections there are.
func (p *Pool) Len() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.conns)
}

// Close closes all connections, and waits for their handlers.
func (p *Pool) Close() {
	p.mu.Lock()
	p.closed = true
	for key := range p.conns {
		p.drop(key)
	}
	p.timer.Stop()
	p.mu.Unlock()
	p.closing.Wait()
}
