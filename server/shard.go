package server

import (
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/internal/alarm"
	"github.com/pqcoap/pqcoap/internal/endpoint"
	"github.com/pqcoap/pqcoap/internal/session"
	"github.com/pqcoap/pqcoap/internal/udp"
)

// A shard is a part of the server that gets along by itself: sockets, sessions, a timer. What it has
// is under its lock, which is taken once for all that the system has at once. Who holds it may take
// that of the server, but not that of another shard.
type shard struct {
	*Server
	index int
	port  *udp.Port

	mu     sync.Mutex
	engine *session.Server
	owner  *endpoint.Owner
	out    session.Outbox
	batch  []udp.Message // to be sent
	timer  *alarm.Alarm
	over   bool

	elsewhere atomic.Uint64 // datagrams that came here for other shards
}

// errorPause keeps a socket that reports an error at each read from taking all of a core.
const errorPause = 10 * time.Millisecond

// leastBuffer is the room for one datagram: the largest m1, which may come whole from a device that
// knows its path to carry it, and its header.
const leastBuffer = handshake.MaxM1 + 512

// newShard makes one of so many, with engines that have a group in common.
func newShard(s *Server, index int, port *udp.Port, engine *session.Server, shards int) *shard {
	h := &shard{Server: s, index: index, port: port, engine: engine}
	h.owner = &endpoint.Owner{
		Lock: &h.mu, Context: s.ctx, Handler: s.handler, Log: s.log, Tasks: &s.tasks,
		Most: (s.cfg.MaxHandlers + shards - 1) / shards, Flush: h.flush, Measured: true,
	}
	h.timer = alarm.New(h.tick)
	return h
}

// read takes datagrams until the socket is closed.
func (s *shard) read(conn udp.Conn) {
	batch := make([]udp.Message, udp.Batch)
	for i := range batch {
		batch[i].Data = make([]byte, max(leastBuffer, s.cfg.MaxUDPPayload+1))
	}
	homes := make([]int, len(batch))
	take := func(n int) bool {
		s.sort(batch[:n], homes)
		return true
	}
	for {
		err := conn.Receive(batch, take)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		s.log.Warn("socket", "error", err)
		time.Sleep(errorPause)
	}
}

// sort has each datagram of a batch be received by the shard that it belongs to. Most belong to the
// one that they have come to; the others are received here too, under the lock of their shard, and
// what answers them leaves from there.
func (s *shard) sort(batch []udp.Message, homes []int) {
	away := uint64(0) // the shards that are waited for
	for i := range batch {
		homes[i] = s.index
		if home, ok := session.Home(batch[i].Data, len(s.shards)); ok && home != s.index {
			homes[i] = home
			s.elsewhere.Add(1)
		}
		away |= 1 << homes[i]
	}
	for index, to := range s.shards {
		if away>>index&1 == 1 {
			to.receive(batch, homes)
		}
	}
}

// receive takes those of a batch that belong here.
func (s *shard) receive(batch []udp.Message, homes []int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over {
		return
	}
	now := time.Now()
	for i := range batch {
		if m := &batch[i]; homes[i] == s.index {
			s.engine.Receive(now, m.Peer, m.Local, m.Data, &s.out)
			s.takeAll(now)
		}
	}
	s.flush(now)
}

// tick runs when the engine's deadline has come.
func (s *shard) tick() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.timer.Off()
	if !s.over {
		now := time.Now()
		s.engine.Advance(now, &s.out)
		s.flush(now)
	}
}

// flush takes the engine's events, sends, and arms the timer. The caller holds the lock.
func (s *shard) flush(now time.Time) {
	s.takeAll(now)
	for i := range s.out.Len() {
		to, from, datagram := s.out.At(i)
		s.batch = append(s.batch, udp.Message{Peer: to, Local: from, Data: datagram})
	}
	if len(s.batch) > 0 {
		s.port.Write(s.batch)
		s.batch = s.batch[:0]
		s.out.Reset()
	}
	s.owner.Sent()
	if s.over {
		s.timer.Stop()
	} else {
		s.timer.Set(now, s.engine.Deadline())
	}
}

// takeAll takes the engine's events. The caller holds the lock.
func (s *shard) takeAll(now time.Time) {
	for ev, ok := s.engine.Next(); ok; ev, ok = s.engine.Next() {
		s.take(now, ev)
	}
}

// take acts on one event. The caller holds the lock.
func (s *shard) take(now time.Time, ev session.Event) {
	switch ev.Kind {
	case session.EventWork:
		s.hand(now, ev.Work)
	case session.EventNotice:
		s.tell(s.shards[ev.Shard], ev.Notice)
	case session.EventOpen:
		s.log.Info("session open", sessionAttrs(ev.Session)...)
		s.entered(now, ev.Session)
		s.recheckLate(ev.Session)
		s.deliver(ev.Session.Device())
	case session.EventRefused:
		s.auditRefused(now, ev.Refused)
	case session.EventDue:
		s.recheckDue(ev.Session)
	case session.EventRequest:
		s.request(now, ev)
	case session.EventHeard:
		s.deliver(ev.Session.Device())
	case session.EventClosed:
		s.log.Info("session closed", append(sessionAttrs(ev.Session), "reason", ev.Err)...)
		s.left(ev.Session)
		if end, ok := ev.Session.Owner.(*endpoint.Endpoint); ok {
			end.End(ev.Err)
		}
	default:
		s.endpointOf(ev.Session).Take(now, ev)
	}
}

// tell has another shard hear something, which has to wait for its lock.
func (s *shard) tell(other *shard, n *session.Notice) { s.tasks.Go(func() { other.hear(n) }) }

// hear takes what another shard has to tell.
func (s *shard) hear(n *session.Notice) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.over {
		now := time.Now()
		s.engine.Hear(now, n, &s.out)
		s.flush(now)
	}
}

// done takes back work that has been run, or will not be.
func (s *shard) done(w *session.Work) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.over {
		now := time.Now()
		s.engine.Done(now, w, &s.out)
		s.flush(now)
	}
}
