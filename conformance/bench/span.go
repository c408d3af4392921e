package bench

import (
	"sync/atomic"
	"time"

	"github.com/pqcoap/pqcoap/conformance/rig"
)

// A span is one round of one kind: what was done in it, and what that took.
type span struct {
	done           uint64
	took           time.Duration
	client, server time.Duration // processor time
}

// timed runs a round, which is over when stop is set: what is done later does not count.
func timed(peer *rig.Peer, length time.Duration, run func(stop *atomic.Bool)) (span, error) {
	before, err := peer.Report()
	if err != nil {
		return span{}, err
	}
	var stop atomic.Bool
	start, used := time.Now(), rig.CPU()
	ended := make(chan time.Duration, 1)
	time.AfterFunc(length, func() {
		stop.Store(true)
		ended <- time.Since(start)
	})
	run(&stop)
	s := span{took: <-ended, client: rig.CPU() - used}
	after, err := peer.Report()
	s.server = after.CPU - before.CPU
	return s, err
}

func (s *span) rate() float64 { return float64(s.done) / s.took.Seconds() }

// each is the processor time of one, of both processes.
func (s *span) each() float64 { return float64(s.client+s.server) / float64(max(1, s.done)) }

// summary is the median rate, and the processor time of one in the client and the server, in µs.
func summary(spans []span) (rate, client, server float64) {
	var rates, clients, servers []float64
	for i := range spans {
		s := &spans[i]
		n := float64(max(1, s.done))
		rates = append(rates, s.rate())
		clients, servers = append(clients, microseconds(s.client)/n), append(servers, microseconds(s.server)/n)
	}
	return median(rates), median(clients), median(servers)
}

// ratios are the medians of those of neighbouring rounds: the rate beside the raw one, and the
// processor time of one.
func ratios(ours, raw []span) (rate, cpu float64) {
	var rates, cpus []float64
	for i := range ours {
		if raw[i].done == 0 || raw[i].each() == 0 {
			continue
		}
		rates = append(rates, ours[i].rate()/raw[i].rate())
		cpus = append(cpus, ours[i].each()/raw[i].each())
	}
	return median(rates), median(cpus)
}
