package server

import (
	"github.com/pqcoap/pqcoap/internal/session"
	"github.com/pqcoap/pqcoap/internal/udp"
)

// Stats counts what a server has seen.
type Stats struct {
	session.ServerStats
	Queue   QueueStats
	Work    WorkStats
	Sockets udp.Stats
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
