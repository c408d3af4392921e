package bench

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pqcoap/pqcoap/conformance/rig"
	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/internal/latency"
	"github.com/pqcoap/pqcoap/internal/session"
)

// A Handshake is a kind of handshake over loopback, by so many clients one after another each, with
// the first record and its answer. A time is from before the keys are made until the server has
// proven itself.
type Handshake struct {
	Kind      string  `json:"kind"` // full or resumed
	Clients   int     `json:"clients"`
	PerSecond float64 `json:"per_second"`
	P50       float64 `json:"p50_us"`
	P99       float64 `json:"p99_us"`
	ClientCPU float64 `json:"client_cpu_us"` // each
	ServerCPU float64 `json:"server_cpu_us"`
	// Bare is what the KEM operations of both sides take, none for a resumption without one, and
	// Ratio how much of it the processors have spent. Of a resumption it is the part of a full one.
	Bare   float64 `json:"kem_us"`
	Ratio  float64 `json:"ratio"`
	Failed uint64  `json:"failed"`
}

// A Payload is the UDP payload of one handshake without loss, of both directions.
type Payload struct {
	Kind      string `json:"kind"` // mutual, server only, resumed
	Bytes     uint64 `json:"bytes"`
	Datagrams uint64 `json:"datagrams"`
}

// handshakers is how many clients make handshakes at once, in one of two cells.
var handshakers = []int{1, 8}

// handshakeTime is after which one counts as failed.
const handshakeTime = 5 * time.Second

// A caller is a device that makes handshakes, one after another.
type caller struct {
	peer   *rig.Peer
	socket *net.UDPConn
	cfg    session.DeviceConfig
	ticket *handshake.ResumptionState
	times  latency.Histogram
	failed uint64
}

func newCallers(ctx context.Context, cfg Config, n int) (callers []*caller, stop func(), err error) {
	var peer *rig.Peer
	stop = func() {
		for _, c := range callers {
			c.socket.Close()
		}
		if peer != nil {
			peer.Close()
		}
	}
	serve := rig.Config{Suite: cfg.Suite}
	for range n {
		c := &caller{cfg: session.DeviceConfig{Suite: cfg.Suite}}
		if c.cfg.Key, err = handshake.GenerateKey(rand.Reader, cfg.Suite); err != nil {
			return nil, stop, err
		}
		if c.socket, err = rig.Listen(rig.Loopback); err != nil {
			return nil, stop, err
		}
		serve.Devices = append(serve.Devices, c.cfg.Key.Public().Bytes())
		callers = append(callers, c)
	}
	if peer, err = rig.Start(ctx, serve, cfg.Peers); err != nil {
		return nil, stop, err
	}
	for _, c := range callers {
		c.peer, c.cfg.Server = peer, peer.Credential
	}
	return callers, stop, nil
}

// call makes a handshake, or a resumption with the ticket of the last session.
func (c *caller) call(ctx context.Context, resumed bool) (*rig.Device, error) {
	ctx, cancel := context.WithTimeout(ctx, handshakeTime)
	defer cancel()
	cfg := c.cfg
	if resumed {
		cfg.Resume = c.ticket
	}
	start := time.Now()
	d, err := rig.Open(ctx, c.socket, c.peer.Addr, cfg)
	took := time.Since(start)
	if err == nil {
		err = d.Confirm(ctx)
	}
	if err == nil && resumed != d.Stats().Resumed {
		err = errNotResumed
	}
	if err != nil {
		c.failed++
		return nil, err
	}
	c.times.Add(took)
	c.ticket = d.Ticket
	return d, nil
}

var errNotResumed = errors.New("bench: not the form of handshake that was to be")

// measureHandshakes fills in the Handshakes and Payloads of a result.
func measureHandshakes(ctx context.Context, cfg Config, r *Result, tell func(any)) error {
	for _, n := range handshakers {
		callers, stop, err := newCallers(ctx, cfg, n)
		if err == nil && n == 1 {
			err = measurePayloads(ctx, callers[0], r, tell)
		}
		if err == nil {
			err = handshakeRounds(ctx, cfg, callers, r, tell)
		}
		stop()
		if err != nil {
			return err
		}
	}
	return nil
}

// handshakeRounds has both kinds take turns.
func handshakeRounds(ctx context.Context, cfg Config, callers []*caller, r *Result, tell func(any)) error {
	for _, c := range callers { // which gives it its first ticket
		if _, err := c.call(ctx, false); err != nil {
			return fmt.Errorf("bench: first handshake: %w", err)
		}
	}
	kinds := []string{"full", "resumed"}
	spans := make([][]span, len(kinds))
	times, failed := make([]latency.Histogram, len(kinds)), make([]uint64, len(kinds))
	for range cfg.Rounds {
		for i := range kinds {
			for _, c := range callers {
				c.times, c.failed = latency.Histogram{}, 0
			}
			one, err := timed(callers[0].peer, cfg.Round, func(stop *atomic.Bool) {
				var running sync.WaitGroup
				for _, c := range callers {
					running.Go(func() {
						for !stop.Load() && ctx.Err() == nil {
							before := c.times
							if c.call(ctx, kinds[i] == "resumed"); stop.Load() {
								c.times = before
							}
						}
					})
				}
				running.Wait()
			})
			if err != nil {
				return err
			}
			for _, c := range callers {
				one.done += c.times.N()
				failed[i] += c.failed
				times[i].Merge(&c.times)
			}
			spans[i] = append(spans[i], one)
		}
	}
	for i, kind := range kinds {
		h := Handshake{Kind: kind, Clients: len(callers), Failed: failed[i], Bare: r.KEM[cfg.Suite-1].Bare}
		h.PerSecond, h.ClientCPU, h.ServerCPU = summary(spans[i])
		h.P50, h.P99 = microseconds(times[i].Quantile(0.5)), microseconds(times[i].Quantile(0.99))
		h.Ratio = (h.ClientCPU + h.ServerCPU) / h.Bare
		r.Handshakes = append(r.Handshakes, h)
		tell(h)
	}
	return ctx.Err()
}

func measurePayloads(ctx context.Context, c *caller, r *Result, tell func(any)) error {
	key := c.cfg.Key
	for _, kind := range []string{"server only", "mutual", "resumed"} {
		c.cfg.Key = key
		if kind == "server only" {
			c.cfg.Key = nil
		}
		d, err := c.call(ctx, kind == "resumed")
		if err != nil {
			return fmt.Errorf("bench: %s handshake: %w", kind, err)
		}
		t := d.Stats().Handshake
		one := Payload{kind, t.BytesIn + t.BytesOut, t.DatagramsIn + t.DatagramsOut}
		r.Payloads = append(r.Payloads, one)
		tell(one)
	}
	return nil
}
