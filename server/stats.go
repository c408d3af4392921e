package server

import (
	"github.com/pqcoap/pqcoap/coap"
	"github.com/pqcoap/pqcoap/internal/session"
)

// Stats counts what a server has seen.
type Stats struct {
	session.ServerStats
	Queue QueueStats
	Work  WorkStats
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

// Stats counts what the server has seen since New.
func (s *Server) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	return Stats{ServerStats: s.engine.Stats(), Queue: s.queue.counted(), Work: s.work.stats()}
}

// LaneStats counts what the plain lane has seen since New.
func (s *Server) LaneStats() coap.LaneStats {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.engine.LaneStats()
}
