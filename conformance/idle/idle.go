// Package idle measures what sessions cost that nothing happens to: memory of the server, the time to
// look at all of them, and how soon one answers that was quiet. The server is a process of its own,
// and each session begins with a real handshake over loopback.
package idle

import (
	"context"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/plgd-dev/go-coap/v3/message"

	"github.com/pqcoap/pqcoap/coap"
	"github.com/pqcoap/pqcoap/conformance/rig"
	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/internal/latency"
	"github.com/pqcoap/pqcoap/internal/session"
)

// A Config says what to measure.
type Config struct {
	Suite  handshake.Suite // of the handshakes: a session costs the same in all but its keys' length
	N      []int           // sessions, ascending: each level is measured on top of the one before
	Settle time.Duration   // how long nothing happens before a level is measured
	Probes int             // requests of a level
	Peers  rig.Place
}

// A Level is what so many sessions cost. Its field names are those of the JSON.
type Level struct {
	N       int     `json:"n"`
	Resting int     `json:"resting"` // of them, when they are measured
	Opened  float64 `json:"opened_per_second"`
	RSS     int64   `json:"rss_bytes"`
	Each    float64 `json:"rss_bytes_per_session"` // above that of the server without sessions
	Heap    float64 `json:"heap_bytes_per_session"`
	Recheck float64 `json:"recheck_ms"`  // Server.Recheck, which asks about each of them
	CPU     float64 `json:"idle_cpu_ms"` // processor time of the server in a second of idleness
	P50     float64 `json:"p50_us"`      // of a GET of one that was idle
	P99     float64 `json:"p99_us"`
	Max     float64 `json:"max_us"`
	Again   float64 `json:"again_p50_us"` // of another GET of the same, right after
	Failed  int     `json:"failed"`
}

// A Result is all levels.
type Result struct {
	Suite  uint8   `json:"suite"`
	Base   int64   `json:"base_rss_bytes"` // of the server without sessions
	Levels []Level `json:"levels"`
}

// Run measures all levels, and calls tell with each when it is there.
func Run(ctx context.Context, cfg Config, tell func(Level)) (*Result, error) {
	f := &fleet{cfg: cfg}
	defer f.close()
	var err error
	f.peer, err = rig.Start(ctx, rig.Config{Suite: cfg.Suite, MaxSessions: cfg.N[len(cfg.N)-1] + 1}, cfg.Peers)
	if err != nil {
		return nil, err
	}
	base, err := f.peer.Settle()
	if err != nil {
		return nil, err
	}
	r := &Result{Suite: uint8(cfg.Suite), Base: base.RSS}
	for _, n := range cfg.N {
		level, err := f.level(ctx, n, base)
		if err != nil {
			return nil, fmt.Errorf("idle: %d sessions: %w", n, err)
		}
		r.Levels = append(r.Levels, level)
		tell(level)
	}
	return r, nil
}

// A fleet is all devices. Those that will be asked later are kept, of the others only the server
// knows that they are there.
type fleet struct {
	cfg  Config
	peer *rig.Peer
	n    int // sessions

	mu      sync.Mutex
	sockets []*net.UDPConn
	kept    []*rig.Device
}

func (f *fleet) close() {
	for _, socket := range f.sockets {
		socket.Close()
	}
	if f.peer != nil {
		f.peer.Close()
	}
}

func (f *fleet) level(ctx context.Context, n int, base rig.Report) (Level, error) {
	level := Level{N: n}
	start, before := time.Now(), f.n
	if err := f.grow(ctx, n); err != nil {
		return level, err
	}
	level.Opened = float64(n-before) / time.Since(start).Seconds()
	quiet, err := f.rest(ctx)
	if err != nil {
		return level, err
	}
	level.CPU = quiet
	now, err := f.peer.Settle()
	if err != nil {
		return level, err
	}
	if now.Sessions != n {
		return level, fmt.Errorf("the server has %d", now.Sessions)
	}
	level.Resting, level.RSS, level.Each = now.Resting, now.RSS, float64(now.RSS-base.RSS)/float64(n)
	level.Heap = float64(now.Heap-base.Heap) / float64(n)
	f.probe(ctx, &level)
	checked, err := f.peer.Recheck()
	level.Recheck = float64(checked.Took.Microseconds()) / 1000
	return level, err
}

// rest waits, and returns the processor time of the server in a second at the end, in milliseconds.
func (f *fleet) rest(ctx context.Context) (float64, error) {
	last := min(f.cfg.Settle/2, 5*time.Second)
	if err := pause(ctx, f.cfg.Settle-last); err != nil {
		return 0, err
	}
	before, err := f.peer.Report()
	if err != nil {
		return 0, err
	}
	if err := pause(ctx, last); err != nil {
		return 0, err
	}
	after, err := f.peer.Report()
	if err != nil || last == 0 {
		return 0, err
	}
	return float64((after.CPU - before.CPU).Microseconds()) / 1000 / last.Seconds(), nil
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

const (
	workers   = 16
	perSocket = 256 // sessions that begin at one socket
	openTime  = 30 * time.Second
)

// grow opens sessions until there are n.
func (f *fleet) grow(ctx context.Context, n int) error {
	var next atomic.Int64
	next.Store(int64(f.n))
	every := max(1, (n-f.n)/max(1, f.cfg.Probes))
	failed := make(chan error, workers)
	var running sync.WaitGroup
	for range workers {
		running.Go(func() {
			if err := f.open(ctx, &next, n, every); err != nil {
				failed <- err
			}
		})
	}
	running.Wait()
	f.n = n
	select {
	case err := <-failed:
		return err
	default:
		return ctx.Err()
	}
}

func (f *fleet) open(ctx context.Context, next *atomic.Int64, n, every int) error {
	var socket *net.UDPConn
	for i := 0; ctx.Err() == nil; i++ {
		number := next.Add(1) - 1
		if number >= int64(n) {
			return nil
		}
		if i%perSocket == 0 {
			var err error
			if socket, err = rig.Listen(rig.Loopback); err != nil {
				return err
			}
			f.mu.Lock()
			f.sockets = append(f.sockets, socket)
			f.mu.Unlock()
		}
		d, err := f.session(ctx, socket, uint64(number))
		if err != nil {
			return fmt.Errorf("session %d: %w", number, err)
		}
		if number%int64(every) == 0 {
			f.mu.Lock()
			f.kept = append(f.kept, d)
			f.mu.Unlock()
		}
	}
	return nil
}

// session opens one, and waits until nothing more is under way in it.
func (f *fleet) session(ctx context.Context, socket *net.UDPConn, number uint64) (*rig.Device, error) {
	ctx, cancel := context.WithTimeout(ctx, openTime)
	defer cancel()
	d, err := rig.Open(ctx, socket, f.peer.Addr, session.DeviceConfig{
		Server: f.peer.Credential, Suite: f.cfg.Suite, PSK: rig.DevicePSK(number),
	})
	if err != nil {
		return nil, err
	}
	return d, d.Confirm(ctx)
}

// probeTime is after which a request has failed.
const probeTime = 5 * time.Second

// probe asks by sessions that were idle, and once more.
func (f *fleet) probe(ctx context.Context, level *Level) {
	ask := coap.Message{Code: coap.GET, Options: message.Options{{ID: message.URIPath, Value: []byte("temperature")}}}
	var first, again latency.Histogram
	step := max(1, len(f.kept)/max(1, f.cfg.Probes))
	for i := 0; i < len(f.kept) && ctx.Err() == nil; i += step {
		for _, times := range []*latency.Histogram{&first, &again} {
			within, cancel := context.WithTimeout(ctx, probeTime)
			start := time.Now()
			m, err := f.kept[i].Do(within, ask)
			cancel()
			if err != nil || m.Code != coap.ContentCode {
				level.Failed++
				continue
			}
			times.Add(time.Since(start))
		}
	}
	level.P50, level.P99, level.Max = microseconds(first.Quantile(0.5)), microseconds(first.Quantile(0.99)), microseconds(first.Max())
	level.Again = microseconds(again.Quantile(0.5))
}

func microseconds(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }
