package plain

import (
	"errors"
	"net"
	"sync"
)

// A Listener takes requests of plain clients. Its methods are safe for concurrent use.
type Listener struct {
	cfg Config

	mu     sync.Mutex
	hub    *hub
	closed bool
}

// NewListener makes one that does nothing before Serve.
func NewListener(cfg Config) *Listener { return &Listener{cfg: cfg} }

// Serve serves a socket, which belongs to the Listener from here on, until Close; then it
// waits for handlers and returns ErrClosed. It may be called once.
func (l *Listener) Serve(socket PacketConn) error {
	h, err := l.attach(socket)
	if err != nil {
		socket.Close()
		return err
	}
	h.read()
	h.close()
	h.tasks.Wait()
	return ErrClosed
}

func (l *Listener) attach(socket PacketConn) (*hub, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.closed:
		return nil, ErrClosed
	case l.hub != nil:
		return nil, errors.New("plain: Serve called twice")
	}
	l.hub = newHub(socket, l.cfg, begins)
	return l.hub, nil
}

// Close forgets all clients and closes the socket.
func (l *Listener) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	if l.hub == nil {
		return nil
	}
	return l.hub.close()
}

// Addr is the address of the socket, nil before Serve.
func (l *Listener) Addr() net.Addr {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.hub == nil {
		return nil
	}
	return l.hub.socket.LocalAddr()
}

// begins tells whether a datagram may be the first of a client: a request, or a ping. All else
// belongs to something that we know, or to nothing.
func begins(d []byte) bool {
	const version, class, header = 1, 0, 4
	return len(d) >= header && d[0]>>6 == version && d[0]>>4&3 <= 1 && d[1]>>5 == class
}
