package plain

import (
	"container/list"
	"context"
	"errors"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"time"

	"github.com/pqcoap/pqcoap/internal/alarm"
	"github.com/pqcoap/pqcoap/internal/endpoint"
)

const (
	// receiveBuffer holds the largest UDP payload.
	receiveBuffer = 1 << 16
	// errorPause keeps a socket that reports an error at each read from taking all of a core.
	errorPause = 10 * time.Millisecond
)

// A hub is one socket and the peers that talk through it.
type hub struct {
	cfg    Config
	socket PacketConn
	tasks  sync.WaitGroup // handlers
	cancel context.CancelFunc
	// admit tells whether a datagram of an address that is not known may make a peer.
	admit func(datagram []byte) bool

	mu     sync.Mutex
	owner  *endpoint.Owner
	peers  map[netip.AddrPort]*peer
	order  list.List // of peers, the one used longest ago first
	timers timers
	timer  *alarm.Alarm
	held   int // bytes, by all peers
	closed bool
}

func newHub(socket PacketConn, cfg Config, admit func([]byte) bool) *hub {
	cfg.setDefaults()
	ctx, cancel := context.WithCancel(context.Background())
	h := &hub{cfg: cfg, socket: socket, cancel: cancel, admit: admit, peers: make(map[netip.AddrPort]*peer)}
	h.owner = &endpoint.Owner{
		Lock: &h.mu, Context: ctx, Handler: cfg.Handler, Log: cfg.Log, Tasks: &h.tasks, Most: maxHandlers,
	}
	h.timer = alarm.New(h.tick)
	return h
}

// read takes datagrams until the socket is closed.
func (h *hub) read() {
	buf := make([]byte, receiveBuffer)
	for {
		n, from, err := h.socket.ReadFromUDPAddrPort(buf)
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case errors.Is(err, syscall.ECONNREFUSED): // of a connected socket only
			h.refused()
		case err != nil:
			time.Sleep(errorPause)
		default:
			h.receive(unmap(from), buf[:n])
		}
	}
}

func (h *hub) receive(from netip.AddrPort, datagram []byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := time.Now()
	if p := h.peer(now, from, datagram); p != nil {
		p.touch(now)
		p.conn.Receive(now, datagram, &p.out)
		p.flush(now)
	}
}

// peer returns the one at an address, which is made where it may be and there is room.
func (h *hub) peer(now time.Time, from netip.AddrPort, datagram []byte) *peer {
	p := h.peers[from]
	switch {
	case h.closed:
		return nil
	case p != nil:
		return p
	case !h.admit(datagram):
		return nil
	case len(h.peers) >= h.cfg.MaxPeers && !h.press(nil, (*peer).idle):
		h.cfg.Log.Debug("no room for another client", "client", from.String())
		return nil
	}
	return h.add(now, from)
}

// press forgets the peer that was used longest ago among those that may go, but not one.
func (h *hub) press(spare *peer, may func(*peer) bool) bool {
	for e := h.order.Front(); e != nil; e = e.Next() {
		if p := e.Value.(*peer); p != spare && may(p) {
			p.forget(errPressed)
			return true
		}
	}
	return false
}

// refused ends what waits for a peer that is not there.
func (h *hub) refused() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, p := range h.peers {
		p.forget(ErrRefused)
	}
}

// tick runs when the earliest deadline has come.
func (h *hub) tick() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.timer.Off()
	now := time.Now()
	for p := h.timers.due(now); p != nil && !h.closed; p = h.timers.due(now) {
		p.advance(now)
	}
	h.arm(now)
}

// arm sets the timer for the earliest deadline.
func (h *hub) arm(now time.Time) {
	if h.closed {
		h.timer.Stop()
	} else {
		h.timer.Set(now, h.timers.earliest())
	}
}

// close ends all peers and closes the socket, once.
func (h *hub) close() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return ErrClosed
	}
	h.closed = true
	h.cancel()
	for _, p := range h.peers {
		p.forget(ErrClosed)
	}
	h.timer.Stop()
	return h.socket.Close()
}
