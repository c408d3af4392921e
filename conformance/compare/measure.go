package main

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/pqcoap/pqcoap/conformance/relay"
)

// patience is how long a handshake, or a first answer, may take.
const patience = 60 * time.Second

// A phase of one run ends when the client's handshake is complete, or when it has its first
// answer. Both begin before a key is made.
type phase struct {
	err     error // nil: done within patience
	took    time.Duration
	traffic relay.Traffic // since the beginning
}

// A sample is one client's run.
type sample struct{ handshake, answer phase }

// measure lets one client that remembers nothing have its handshake and make its request. An
// error is one of the measurement, not of the stack.
func measure(ctx context.Context, p peer, link relay.Link, seed uint64) (sample, error) {
	c, err := p.enrol()
	if err != nil {
		return sample{}, err
	}
	r, err := relay.Listen(relay.Config{Server: p.addr(), Up: link, Down: link, Seed: seed})
	if err != nil {
		return sample{}, err
	}
	defer r.Close()
	socket, err := listenLoopback()
	if err != nil {
		return sample{}, err
	}
	from := addrOf(socket.LocalAddr())
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()

	var s sample
	start := time.Now()
	ended := func(err error) phase { return phase{err, time.Since(start), r.Traffic(from)} }
	open, err := c.dial(ctx, socket, r.Addr())
	s.handshake = ended(err)
	if err != nil {
		s.answer = s.handshake
		return s, nil
	}
	s.answer = ended(open.ask(ctx))
	open.close()
	time.Sleep(2 * link.Delay) // let the server hear of it
	return s, nil
}

// fate is the seed of what happens to the datagrams of one run. It does not depend on the
// stack or the loss: the nth datagram of a direction meets the same luck in all of them.
func fate(seed, run uint64) uint64 { return rand.NewPCG(seed, run).Uint64() }

// stagger is how long a run waits before it begins, up to two round trips. Runs that began
// together would stay together, and measure how they wait for a core.
func stagger(o settings, run uint64) time.Duration {
	return time.Duration(rand.New(rand.NewPCG(run, o.seed)).Float64() * 4 * float64(o.delay))
}

// measureCell runs the handshakes of one stack at one loss.
func measureCell(ctx context.Context, s stack, loss float64, o settings) (cell, error) {
	p, err := s.serve()
	if err != nil {
		return cell{}, err
	}
	defer p.close()
	var (
		workers sync.WaitGroup
		next    = make(chan uint64)
		samples = make([]sample, o.n)
		errs    = make([]error, o.n)
	)
	for range min(o.parallel, o.n) {
		workers.Go(func() {
			for i := range next {
				time.Sleep(stagger(o, i))
				samples[i], errs[i] = measure(ctx, p, relay.Link{Delay: o.delay, Loss: loss}, fate(o.seed, i))
			}
		})
	}
	for i := range samples {
		next <- uint64(i)
	}
	close(next)
	workers.Wait()
	for _, err := range append(errs, ctx.Err()) {
		if err != nil {
			return cell{}, err
		}
	}
	return summarize(s.name, loss, samples), nil
}
