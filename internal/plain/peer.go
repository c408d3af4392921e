package plain

import (
	"container/list"
	"crypto/rand"
	"net/netip"
	"time"

	"github.com/plgd-dev/go-coap/v3/message"
	"github.com/plgd-dev/go-coap/v3/message/codes"

	"github.com/pqcoap/pqcoap/coap"
	"github.com/pqcoap/pqcoap/internal/endpoint"
	"github.com/pqcoap/pqcoap/internal/session"
)

// A peer is the CoAP of one address, the engine of its endpoint. Its methods are called under
// the hub's lock.
type peer struct {
	hub  *hub
	addr netip.AddrPort
	conn *coap.Conn
	end  *endpoint.Endpoint
	out  coap.Batch
	gone bool

	used    time.Time
	place   *list.Element  // in hub.order
	at      time.Time      // its deadline
	index   int            // in hub.timers
	held    int            // what of hub.held is its
	asking  map[uint64]int // bytes of its requests that wait for an answer
	pending int            // of all of them
}

// add makes a peer.
func (h *hub) add(now time.Time, addr netip.AddrPort) *peer {
	p := &peer{
		hub: h, addr: addr, used: now, index: -1, asking: make(map[uint64]int),
		conn: coap.NewConn(coap.Config{Peer: true, Forward: true, Rand: rand.Reader, MaxBody: h.cfg.MaxBody}),
	}
	p.end = endpoint.New(h.owner, p)
	h.peers[addr] = p
	p.place = h.order.PushBack(p)
	return p
}

func (p *peer) touch(now time.Time) {
	p.used = now
	p.hub.order.MoveToBack(p.place)
}

// idle tells whether nothing is open that somebody waits for.
func (p *peer) idle() bool { return len(p.asking) == 0 && !p.conn.Busy() }

// holds tells whether something can be had by forgetting it, and nobody waits for it.
func (p *peer) holds() bool { return p.conn.Held() > 0 && p.idle() }

// forget ends a peer.
func (p *peer) forget(err error) {
	h := p.hub
	if p.gone {
		return
	}
	p.gone = true
	delete(h.peers, p.addr)
	h.order.Remove(p.place)
	h.timers.remove(p)
	h.held -= p.held
	p.end.End(err)
}

// advance does what is due.
func (p *peer) advance(now time.Time) {
	switch {
	case now.Before(p.idleAt()):
	case p.idle():
		p.forget(errIdle)
		return
	default:
		p.used = now
	}
	p.conn.Advance(now, &p.out)
	p.flush(now)
}

func (p *peer) idleAt() time.Time { return p.used.Add(p.hub.cfg.IdleTimeout) }

// flush takes events, sends, and sets the deadline.
func (p *peer) flush(now time.Time) {
	h := p.hub
	for ev, ok := p.conn.Next(); ok && !p.gone; ev, ok = p.conn.Next() {
		p.take(now, ev)
	}
	if p.gone {
		return
	}
	for datagram := range p.out.All() {
		// A datagram that cannot be sent is one that was lost.
		h.socket.WriteToUDPAddrPort(datagram, p.addr)
	}
	p.out.Reset()
	p.account()
	p.at = p.idleAt()
	if at := p.conn.Deadline(); !at.IsZero() && at.Before(p.at) {
		p.at = at
	}
	h.timers.set(p)
	h.arm(now)
}

// account counts what the peer has us keep. Where all keep too much, those go that were used
// longest ago; what they transfer begins again.
func (p *peer) account() {
	h := p.hub
	held := p.conn.Held() + p.pending
	h.held += held - p.held
	p.held = held
	for h.held > h.cfg.MaxHeld && h.press(p, (*peer).holds) {
	}
}

func (p *peer) take(now time.Time, ev coap.Event) {
	if ev.Kind == coap.EventRequest {
		p.asking[ev.ID] = len(ev.Message.Payload)
		p.pending += len(ev.Message.Payload)
		if p.hub.held-p.held+p.conn.Held()+p.pending > p.hub.cfg.MaxHeld {
			p.Respond(now, ev.ID, coap.Message{
				Code: codes.ServiceUnavailable, Options: message.Options{{ID: message.MaxAge, Value: []byte{1}}},
			}, nil)
			return
		}
	}
	p.end.Take(now, session.EventOf(ev))
}

// Request implements endpoint.Engine, as what follows does.
func (p *peer) Request(now time.Time, m coap.Message, opt coap.RequestOptions) (uint64, error) {
	p.touch(now)
	return p.conn.Request(now, m, opt, &p.out)
}

func (p *peer) Ping(now time.Time) (uint64, error) { return p.conn.Ping(now, &p.out), nil }

func (p *peer) Cancel(now time.Time, id uint64) { p.conn.Cancel(now, id, &p.out) }

func (p *peer) Respond(now time.Time, id uint64, m coap.Message, body coap.Body) error {
	err := p.conn.RespondBody(now, id, m, body, &p.out)
	if err == nil {
		p.pending -= p.asking[id]
		delete(p.asking, id)
	}
	return err
}

func (p *peer) Consumed(now time.Time, id uint64, n int) { p.conn.Consumed(now, id, n, &p.out) }

func (p *peer) ConsumedRequest(now time.Time, id uint64, n int) { p.conn.ConsumedRequest(now, id, n) }

func (p *peer) Notify(now time.Time, id uint64, m coap.Message) error {
	return p.conn.Notify(now, id, m, &p.out)
}

func (p *peer) EndObservation(now time.Time, id uint64) { p.conn.EndObservation(now, id) }

func (p *peer) Room() bool { return p.conn.Room() }

func (p *peer) LocalAddr() netip.AddrPort { return localAddr(p.hub.socket) }

func (p *peer) RemoteAddr() netip.AddrPort { return p.addr }

func (p *peer) Flush(now time.Time) {
	if !p.gone {
		p.flush(now)
	}
}

// Close forgets the peer. CoAP over UDP has no word for it.
func (p *peer) Close() error {
	p.hub.mu.Lock()
	defer p.hub.mu.Unlock()
	p.forget(ErrClosed)
	return nil
}
