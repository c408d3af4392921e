// Package flood measures whether devices get through to a server that others flood. Both sit at many
// addresses of 127.0.0.0/8, with real sockets; the server, with the limits that it has of itself, is a
// process of its own.
package flood

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/pqcoap/pqcoap/conformance/rig"
	"github.com/pqcoap/pqcoap/handshake"
)

// A Config says what to measure.
type Config struct {
	Suite    handshake.Suite
	Rate     int           // sessions of devices, a second
	Times    int           // how much more often the attackers send
	Duration time.Duration // of each kind
	Kinds    []string      // none: all
	Peers    rig.Place
}

// A Row is one kind of flood. Its field names are those of the JSON.
type Row struct {
	Kind          string  `json:"kind"`
	Devices       int     `json:"sessions"` // that devices have begun
	Succeeded     int     `json:"succeeded"`
	P50           float64 `json:"p50_ms"` // until the answer to their GET
	P99           float64 `json:"p99_ms"`
	Attacks       int     `json:"attacks"` // m1 begun, or records
	In            int64   `json:"bytes_in"`
	Out           int64   `json:"bytes_out"`
	Amplification float64 `json:"amplification"` // bytes out per byte in
	Unproven      bool    `json:"unproven"`      // the attackers have not shown that the addresses are theirs
	RSS           int64   `json:"rss_bytes"`     // the most during the flood
	Grown         int64   `json:"rss_grown_bytes"`
	CPU           float64 `json:"server_cpu_share"` // of one core
	HalfOpen      int     `json:"half_open"`
	Verdict       string  `json:"verdict"`
}

// What a server has to keep under any flood.
const (
	// MaxAmplification is of bytes out per byte in to an address that proves nothing.
	MaxAmplification = 3
	// MaxGrown is what the memory of the server may grow by: its buffers of the plain lane and its
	// half-open sessions are bounded, and a garbage collector lets both become twice as much.
	MaxGrown = 128 << 20
	// MinSuccess is the part of the devices that has to get in.
	MinSuccess = 0.999
)

// Verdicts.
const (
	Pass  = "pass"
	Short = "short"
)

// judge holds a row against the bounds.
func (r *Row) judge() {
	r.Verdict = Pass
	if r.Devices == 0 || float64(r.Succeeded) < MinSuccess*float64(r.Devices) || r.Grown > MaxGrown ||
		r.Unproven && r.Amplification > MaxAmplification {
		r.Verdict = Short
	}
}

// A Result is all rows.
type Result struct {
	Suite uint8 `json:"suite"`
	Rate  int   `json:"sessions_per_second"`
	Times int   `json:"times"`
	Rows  []Row `json:"rows"`
}

// Run measures each kind with a server of its own, the first without attackers, and calls tell with
// each row when it is there.
func Run(ctx context.Context, cfg Config, tell func(Row)) (*Result, error) {
	r := &Result{Suite: uint8(cfg.Suite), Rate: cfg.Rate, Times: cfg.Times}
	chosen, err := choose(cfg.Kinds)
	if err != nil {
		return nil, err
	}
	for _, k := range chosen {
		row, err := measure(ctx, cfg, k)
		if err != nil {
			return nil, fmt.Errorf("flood: %s: %w", k.name, err)
		}
		r.Rows = append(r.Rows, row)
		tell(row)
	}
	return r, nil
}

func measure(ctx context.Context, cfg Config, k kind) (Row, error) {
	fleet, serve, err := newFleet(cfg)
	if err != nil {
		return Row{}, err
	}
	defer fleet.close()
	peer, err := rig.Start(ctx, serve, cfg.Peers)
	if err != nil {
		return Row{}, err
	}
	defer peer.Close()
	fleet.peer = peer
	fleet.run(ctx, cfg.Duration/5) // which is not measured
	fleet.reset()
	mob, err := newMob(ctx, cfg, k, peer, serve.EchoSecret)
	if err != nil {
		return Row{}, err
	}
	defer mob.close()
	before, err := peer.Settle()
	if err != nil {
		return Row{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, cfg.Duration+sessionTime)
	defer cancel()
	var running sync.WaitGroup
	running.Go(func() { mob.rage(ctx, cfg.Duration) })
	watch := watch(peer, cfg.Duration)
	fleet.run(ctx, cfg.Duration)
	running.Wait()
	most, err := watch()
	if err != nil {
		return Row{}, err
	}
	row := Row{Kind: k.name, Unproven: k.unproven, RSS: most.RSS, Grown: most.RSS - before.RSS, HalfOpen: most.HalfOpen}
	row.CPU = float64(most.CPU-before.CPU) / float64(cfg.Duration)
	fleet.report(&row)
	mob.report(&row)
	row.judge()
	return row, ctx.Err()
}

// watch looks at the server until the duration is over, and returns how to get the most it had.
func watch(peer *rig.Peer, duration time.Duration) func() (rig.Report, error) {
	var most rig.Report
	var failed error
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(duration / 20)
		defer tick.Stop()
		for range 20 {
			<-tick.C
			r, err := peer.Report()
			if err != nil {
				failed = err
				return
			}
			most.RSS, most.HalfOpen, most.CPU = max(most.RSS, r.RSS), max(most.HalfOpen, r.HalfOpen), r.CPU
		}
	}()
	return func() (rig.Report, error) {
		<-done
		return most, failed
	}
}
