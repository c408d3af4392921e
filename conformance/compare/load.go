package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pqcoap/pqcoap/conformance/rig"
)

// loadSettings are what the flags say about requests of many clients.
type loadSettings struct {
	clients, payloads []int
	rounds            int
	round             time.Duration
	idle              int // sessions whose memory is measured
}

// defineLoad returns how to get the settings once the flags are parsed: nil without -load.
func defineLoad(f *flag.FlagSet) func() (*loadSettings, error) {
	var l loadSettings
	wanted := f.Bool("load", false, "measure requests of many clients, and memory of sessions, instead of handshakes")
	clients := f.String("clients", "1,8,64,256", "with -load: clients at once")
	payloads := f.String("payload", "16,64,256,1024", "with -load: bytes of a POST, by 8 clients")
	f.IntVar(&l.rounds, "rounds", 5, "with -load: rounds of each stack, in turn")
	f.DurationVar(&l.round, "round", 300*time.Millisecond, "with -load: length of a round")
	f.IntVar(&l.idle, "idle", 500, "with -load: sessions whose memory is measured")
	return func() (*loadSettings, error) {
		if !*wanted {
			return nil, nil
		}
		for list, to := range map[string]*[]int{*clients: &l.clients, *payloads: &l.payloads} {
			for text := range strings.SplitSeq(list, ",") {
				n, err := strconv.Atoi(text)
				if err != nil || n < 1 || n > 10000 {
					return nil, fmt.Errorf("-clients and -payload: %q: want numbers from 1 to 10000", text)
				}
				*to = append(*to, n)
			}
		}
		if l.rounds < 1 || l.round <= 0 || l.idle < 1 {
			return nil, fmt.Errorf("-rounds, -round and -idle: want more than 0")
		}
		return &l, nil
	}
}

// A loadReport is the JSON of -load.
type loadReport struct {
	Stacks   []stackInfo  `json:"stacks"`
	Requests []loadCell   `json:"requests"`
	Memory   []memoryCell `json:"memory"`
}

// A loadCell is requests of one stack. Payload is that of a POST, 0 of a GET.
type loadCell struct {
	Stack     string  `json:"stack"`
	Clients   int     `json:"clients"`
	Payload   int     `json:"payload"`
	PerSecond float64 `json:"per_second"`
	P50       float64 `json:"p50_us"`
	P99       float64 `json:"p99_us"`
	CPU       float64 `json:"cpu_us"` // of both ends, each
	Failed    int     `json:"failed"`
}

// A memoryCell is what sessions of one stack take, both ends of them together.
type memoryCell struct {
	Stack      string  `json:"stack"`
	Sessions   int     `json:"sessions"`
	RSS        float64 `json:"rss_bytes"` // each
	Heap       float64 `json:"heap_and_stack_bytes"`
	Goroutines float64 `json:"goroutines"`
}

var errNoSender = errors.New("the stack sends no bodies")

// payloadClients is how many clients send bodies of all sizes.
const payloadClients = 8

func runLoad(ctx context.Context, w io.Writer, o settings) error {
	var r loadReport
	for _, s := range o.stacks {
		r.Stacks = append(r.Stacks, stackInfo{s.name, s.about(), s.postQuantum})
	}
	for _, s := range o.stacks {
		m, err := measureMemory(ctx, s, o.load.idle)
		if err != nil {
			return fmt.Errorf("%s: memory: %w", s.name, err)
		}
		r.Memory = append(r.Memory, m)
	}
	cells := make([]loadCell, 0, len(o.load.clients)+len(o.load.payloads))
	for _, n := range o.load.clients {
		cells = append(cells, loadCell{Clients: n})
	}
	for _, bytes := range o.load.payloads {
		cells = append(cells, loadCell{Clients: payloadClients, Payload: bytes})
	}
	for _, c := range cells {
		measured, err := measureLoad(ctx, c, o)
		if err != nil {
			return fmt.Errorf("%d clients, %d bytes: %w", c.Clients, c.Payload, err)
		}
		r.Requests = append(r.Requests, measured...)
	}
	if o.json {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		return e.Encode(r)
	}
	r.write(w)
	return nil
}

func (r *loadReport) write(w io.Writer) {
	for _, s := range r.Stacks {
		fmt.Fprint(w, wrap(fmt.Sprintf("%-12s%s", s.Name, s.About), 12))
	}
	fmt.Fprintf(w, "\nBoth ends are in this process, and there is no relay.\n\n%-11s %8s %8s %9s %10s\n", "stack", "sessions", "RSS each", "heap each", "goroutines")
	for _, m := range r.Memory {
		fmt.Fprintf(w, "%-11s %8d %8.0f %9.0f %10.1f\n", m.Stack, m.Sessions, m.RSS, m.Heap, m.Goroutines)
	}
	fmt.Fprintf(w, "\n%-11s %7s %7s %8s %8s %8s %8s %6s\n", "stack", "clients", "bytes", "/s", "p50 us", "p99 us", "cpu us", "failed")
	for _, c := range r.Requests {
		fmt.Fprintf(w, "%-11s %7d %7d %8.0f %8.0f %8.0f %8.1f %6d\n", c.Stack, c.Clients, c.Payload, c.PerSecond, c.P50, c.P99, c.CPU, c.Failed)
	}
}

// A crowd is clients of one stack with sessions.
type crowd struct {
	peer     peer
	sessions []session
}

func gather(ctx context.Context, s stack, n int) (*crowd, error) {
	p, err := s.serve()
	if err != nil {
		return nil, err
	}
	c := &crowd{peer: p}
	for range n {
		one, err := c.join(ctx)
		if err != nil {
			c.close()
			return nil, err
		}
		c.sessions = append(c.sessions, one)
	}
	return c, nil
}

func (c *crowd) join(ctx context.Context) (session, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	who, err := c.peer.enrol()
	if err != nil {
		return nil, err
	}
	socket, err := listenLoopback()
	if err != nil {
		return nil, err
	}
	one, err := who.dial(ctx, socket, c.peer.addr())
	if err != nil {
		return nil, err
	}
	return one, one.ask(ctx)
}

func (c *crowd) close() {
	for _, s := range c.sessions {
		s.close()
	}
	c.peer.close()
}

// measureMemory opens sessions with a request each.
func measureMemory(ctx context.Context, s stack, n int) (memoryCell, error) {
	none, err := gather(ctx, s, 1) // so that what all have in common is there before
	if err != nil {
		return memoryCell{}, err
	}
	none.close()
	before := usage()
	c, err := gather(ctx, s, n)
	if err != nil {
		return memoryCell{}, err
	}
	defer c.close()
	after := usage()
	each := func(a, b int64) float64 { return float64(a-b) / float64(n) }
	return memoryCell{
		s.name, n, each(after.rss, before.rss), each(after.heap, before.heap), each(after.goroutines, before.goroutines),
	}, nil
}

type used struct{ rss, heap, goroutines int64 }

func usage() used {
	debug.FreeOSMemory()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return used{rig.Resident("self"), int64(m.HeapAlloc + m.StackInuse), int64(runtime.NumGoroutine())}
}

// measureLoad has all stacks take turns.
func measureLoad(ctx context.Context, c loadCell, o settings) ([]loadCell, error) {
	crowds := make([]*crowd, len(o.stacks))
	rates, cpus := make([][]float64, len(o.stacks)), make([][]float64, len(o.stacks))
	times, cells := make([][]time.Duration, len(o.stacks)), make([]loadCell, len(o.stacks))
	for i, s := range o.stacks {
		var err error
		if crowds[i], err = gather(ctx, s, c.Clients); err != nil {
			return nil, fmt.Errorf("%s: %w", s.name, err)
		}
		defer crowds[i].close()
		cells[i] = c
		cells[i].Stack = s.name
	}
	for range o.load.rounds {
		for i := range crowds {
			before, start := rig.CPU(), time.Now()
			all, failed := crowds[i].round(ctx, c.Payload, o.load.round)
			took := time.Since(start)
			cells[i].Failed += failed
			times[i] = append(times[i], all...)
			rates[i] = append(rates[i], float64(len(all))/took.Seconds())
			cpus[i] = append(cpus[i], float64((rig.CPU()-before).Microseconds())/float64(max(1, len(all))))
		}
	}
	for i := range cells {
		if len(times[i]) == 0 {
			continue
		}
		slices.Sort(rates[i])
		slices.Sort(cpus[i])
		slices.Sort(times[i])
		at := func(p int) float64 { return float64(times[i][(len(times[i])*p+99)/100-1]) / float64(time.Microsecond) }
		cells[i].PerSecond, cells[i].CPU = rates[i][len(rates[i])/2], cpus[i][len(cpus[i])/2]
		cells[i].P50, cells[i].P99 = at(50), at(99)
	}
	return cells, ctx.Err()
}

// round has every client ask, or send a body, until it is over.
func (c *crowd) round(ctx context.Context, payload int, length time.Duration) (all []time.Duration, failed int) {
	var stop atomic.Bool
	defer time.AfterFunc(length, func() { stop.Store(true) }).Stop()
	var mu sync.Mutex
	var running sync.WaitGroup
	for _, s := range c.sessions {
		running.Go(func() {
			times, bad := one(ctx, s, payload, &stop)
			mu.Lock()
			defer mu.Unlock()
			all, failed = append(all, times...), failed+bad
		})
	}
	running.Wait()
	return all, failed
}

func one(ctx context.Context, s session, payload int, stop *atomic.Bool) (times []time.Duration, failed int) {
	body := make([]byte, payload)
	for !stop.Load() && ctx.Err() == nil {
		start := time.Now()
		if err := act(ctx, s, body); err != nil {
			failed++
			continue
		}
		times = append(times, time.Since(start))
	}
	return times, failed
}

func act(ctx context.Context, s session, body []byte) error {
	if len(body) == 0 {
		return s.ask(ctx)
	}
	if sends, ok := s.(sender); ok {
		return sends.send(ctx, body)
	}
	return errNoSender
}
