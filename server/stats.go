package server

import (
	"cmp"
	"reflect"
	"time"

	"github.com/pqcoap/pqcoap/coap"
	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/internal/endpoint"
	"github.com/pqcoap/pqcoap/internal/session"
	"github.com/pqcoap/pqcoap/internal/udp"
)

// Stats counts what a server has seen.
type Stats struct {
	session.ServerStats
	Lane     coap.LaneStats // the plain lane
	Requests endpoint.Stats // of devices
	Queue    QueueStats
	Work     WorkStats
	Sockets  udp.Stats
	// Elsewhere is how many records have come to another shard than that of their session.
	Elsewhere uint64
}

// QueueStats counts the requests of [Server.Queue].
type QueueStats struct {
	Queued    uint64
	Full      uint64 // refused with ErrQueueFull
	Answered  uint64
	Repeated  uint64 // sent once more, since no answer had come
	Expired   uint64
	Replaced  uint64
	Cancelled uint64
	Failed    uint64 // for any other reason

	Waiting int // now, those that wait for their answer among them
	Bytes   int // of these
}

// Stats counts what the server has seen since Serve.
func (s *Server) Stats() (st Stats) {
	for _, one := range s.all() {
		part := one.stats()
		st.Add(&part)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	st.Queue, st.Work = s.queue.counted(), s.work.stats()
	return st
}

// stats are those of one shard.
func (s *shard) stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	return Stats{
		ServerStats: s.engine.Stats(), Lane: s.engine.LaneStats(), Requests: s.owner.Stats(),
		Sockets: s.port.Stats(), Elsewhere: s.elsewhere.Load(),
	}
}

// Add adds the counts of another server, or of another part of one.
func (s *Stats) Add(more *Stats) { addCounts(reflect.ValueOf(s).Elem(), reflect.ValueOf(more).Elem()) }

// addCounts adds what there is of numbers. What cannot be added must not be among them.
func addCounts(to, more reflect.Value) {
	switch to.Kind() {
	case reflect.Struct:
		for i := range to.NumField() {
			addCounts(to.Field(i), more.Field(i))
		}
	case reflect.Array:
		for i := range to.Len() {
			addCounts(to.Index(i), more.Index(i))
		}
	case reflect.Uint64:
		to.SetUint(to.Uint() + more.Uint())
	case reflect.Int, reflect.Int64:
		to.SetInt(to.Int() + more.Int())
	default:
		panic("server: a count is a whole number, not a " + to.Kind().String())
	}
}

// A Status is how a server is, and what it may have.
type Status struct {
	Serving  bool // its socket is open
	Draining bool // it is about to end
	// When the newest key of tickets was made; zero: sessions cannot be resumed.
	TicketKey time.Time

	MaxSessions, MaxHalfOpen, Workers, MaxHandlers int
	// In the registry of its folder; -1 where it has none.
	Devices, Invitations int
}

// Status is how the server is now.
func (s *Server) Status() Status {
	devices, invitations := s.cfg.dir.counts()
	s.mu.Lock()
	defer s.mu.Unlock()
	return Status{
		Serving: s.port != nil && !s.closed, Draining: s.draining, TicketKey: newest(s.cfg.Tickets),
		MaxSessions: cmp.Or(s.cfg.MaxSessions, session.DefaultMaxSessions),
		MaxHalfOpen: cmp.Or(s.cfg.MaxHalfOpen, session.DefaultMaxHalfOpen),
		Workers:     s.cfg.Workers, MaxHandlers: s.cfg.MaxHandlers,
		Devices: devices, Invitations: invitations,
	}
}

// counts are those of the registry, -1 where there is none or it cannot be read.
func (d *Dir) counts() (devices, invitations int) {
	if d == nil || d.Devices == nil {
		return -1, -1
	}
	devices, invitations, err := d.Devices.Counts()
	if err != nil {
		return -1, -1
	}
	return devices, invitations
}

func newest(keys *handshake.TicketKeys) time.Time {
	if keys == nil {
		return time.Time{}
	}
	return keys.Newest()
}
