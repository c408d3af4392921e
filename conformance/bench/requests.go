package bench

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/plgd-dev/go-coap/v3/message"

	"github.com/pqcoap/pqcoap/coap"
	"github.com/pqcoap/pqcoap/conformance/rig"
	"github.com/pqcoap/pqcoap/internal/latency"
	"github.com/pqcoap/pqcoap/internal/session"
	"github.com/pqcoap/pqcoap/node"
)

// Requests is a kind of request by so many clients at once, of which each asks again when it has its
// answer. The ratios are those to raw datagrams of the same sizes in the rounds beside.
type Requests struct {
	Kind      string  `json:"kind"` // raw GET, GET, bare GET, raw POST, POST
	Clients   int     `json:"clients"`
	Up        int     `json:"bytes_up"` // UDP payload
	Down      int     `json:"bytes_down"`
	PerSecond float64 `json:"per_second"`
	P50       float64 `json:"p50_us"`
	P99       float64 `json:"p99_us"`
	ClientCPU float64 `json:"client_cpu_us"` // each
	ServerCPU float64 `json:"server_cpu_us"`
	Ratio     float64 `json:"ratio"`
	CPURatio  float64 `json:"cpu_ratio"`
	Failed    uint64  `json:"failed"`
}

// Kinds of requests, and the raw one that each stands beside.
const (
	KindGET     = "GET"
	KindPOST    = "POST"
	KindRawGET  = "raw GET"
	KindRawPOST = "raw POST"

	// KindBare is GET by clients that are the engine of a device and a socket, driven by the goroutine
	// that asks, as a raw client is: what the server can do, with as little beside it as there has to be.
	KindBare = "bare GET"
)

// A client asks once, and returns when it has the answer.
type client func(ctx context.Context) error

// A track is one kind for one number of clients.
type track struct {
	kind     string
	peer     *rig.Peer
	clients  []client
	up, down int
	spans    []span
	times    latency.Histogram
	failed   uint64
}

func measureRequests(ctx context.Context, cfg Config, r *Result, tell func(any)) error {
	server, err := rig.Start(ctx, rig.Config{Suite: cfg.Suite}, cfg.Peers)
	if err != nil {
		return err
	}
	defer server.Close()
	raw, err := rig.Start(ctx, rig.Config{Echo: true}, cfg.Peers)
	if err != nil {
		return err
	}
	defer raw.Close()
	for _, n := range cfg.Clients {
		b := &requestBench{cfg: cfg, server: server, raw: raw}
		err := b.run(ctx, n)
		b.stop()
		if err != nil {
			return fmt.Errorf("bench: %d clients: %w", n, err)
		}
		for _, one := range b.results(n) {
			r.Requests = append(r.Requests, one)
			tell(one)
		}
	}
	return nil
}

// A requestBench is all clients of one number.
type requestBench struct {
	cfg         Config
	server, raw *rig.Peer
	closers     []func()
	tracks      []*track
}

func (b *requestBench) stop() {
	var all sync.WaitGroup
	for _, stop := range b.closers {
		all.Go(stop)
	}
	all.Wait()
}

func (b *requestBench) run(ctx context.Context, n int) error {
	ask := coap.Message{Code: coap.GET, Options: message.Options{{ID: message.URIPath, Value: []byte("temperature")}}}
	send := coap.Message{Code: coap.POST, Options: message.Options{{ID: message.URIPath, Value: []byte("temperature")}}}
	send.Payload = make([]byte, b.cfg.Payload)
	conns := make([]*node.Conn, n)
	for i := range conns {
		c, err := node.Dial(ctx, b.server.Addr.String(), node.Config{Trust: b.server.Credential, Suite: b.cfg.Suite})
		if err != nil {
			return err
		}
		conns[i] = c
		b.closers = append(b.closers, func() { c.Close() })
	}
	for _, kind := range []struct {
		secure, raw string
		m           coap.Message
	}{{KindGET, KindRawGET, ask}, {KindPOST, KindRawPOST, send}} {
		secure := &track{kind: kind.secure, peer: b.server}
		for _, c := range conns {
			secure.clients = append(secure.clients, asker(c, kind.m))
		}
		if err := secure.sizes(ctx, conns[0]); err != nil {
			return err
		}
		raw := &track{kind: kind.raw, peer: b.raw, up: secure.up, down: secure.down}
		if err := b.rawClients(raw, n); err != nil {
			return err
		}
		b.tracks = append(b.tracks, raw, secure)
		if kind.secure == KindGET {
			bare := &track{kind: KindBare, peer: b.server, up: secure.up, down: secure.down}
			if err := b.bareClients(ctx, bare, n, kind.m); err != nil {
				return err
			}
			b.tracks = append(b.tracks, bare)
		}
	}
	for range b.cfg.Rounds {
		for _, t := range b.tracks {
			if err := t.round(ctx, b.cfg.Round); err != nil {
				return err
			}
		}
	}
	return ctx.Err()
}

func (b *requestBench) bareClients(ctx context.Context, t *track, n int, m coap.Message) error {
	for range n {
		socket, err := rig.Listen(rig.Loopback)
		if err != nil {
			return err
		}
		b.closers = append(b.closers, func() { socket.Close() })
		d, err := rig.Open(ctx, socket, b.server.Addr, session.DeviceConfig{Server: b.server.Credential, Suite: b.cfg.Suite})
		if err == nil {
			err = d.Confirm(ctx)
		}
		if err != nil {
			return err
		}
		d.Alone = true
		t.clients = append(t.clients, func(ctx context.Context) error { return answered(d.Do(ctx, m)) })
	}
	return nil
}

func asker(c *node.Conn, m coap.Message) client {
	return func(ctx context.Context) error { return answered(c.Do(ctx, m)) }
}

func answered(answer coap.Message, err error) error {
	if err == nil && answer.Code>>5 != 2 {
		err = fmt.Errorf("answered %v", answer.Code)
	}
	return err
}

// sizes are those of the datagrams of one request, when what comes with the first is over.
func (t *track) sizes(ctx context.Context, c *node.Conn) error {
	const many = 64
	var before node.Stats
	for i := range 2 * many {
		if i == many {
			before = c.Stats()
		}
		if err := t.clients[0](ctx); err != nil {
			return err
		}
	}
	after := c.Stats()
	t.up = int(after.Records.BytesOut-before.Records.BytesOut+many/2) / many
	t.down = int(after.Records.BytesIn-before.Records.BytesIn+many/2) / many
	return nil
}

// rawPatience is after how long a raw client gives up a datagram, as when the echo's buffer was full.
const rawPatience = time.Second

func (b *requestBench) rawClients(t *track, n int) error {
	for range n {
		socket, err := rig.Listen(rig.Loopback)
		if err != nil {
			return err
		}
		b.closers = append(b.closers, func() { socket.Close() })
		buf, out, patient := make([]byte, 2048), rig.NewEcho(t.up, t.down), time.Time{}
		t.clients = append(t.clients, func(context.Context) error {
			if now := time.Now(); now.After(patient) { // not each time, since that costs
				patient = now.Add(rawPatience)
				socket.SetReadDeadline(now.Add(2 * rawPatience))
			}
			if _, err := socket.WriteToUDPAddrPort(out, b.raw.Addr); err != nil {
				return err
			}
			_, _, err := socket.ReadFromUDPAddrPort(buf)
			if err != nil {
				patient = time.Time{}
			}
			return err
		})
	}
	return nil
}

// round has all clients ask until it is over.
func (t *track) round(ctx context.Context, length time.Duration) error {
	times, failed := make([]latency.Histogram, len(t.clients)), make([]uint64, len(t.clients))
	one, err := timed(t.peer, length, func(stop *atomic.Bool) {
		var running sync.WaitGroup
		for i, ask := range t.clients {
			running.Go(func() {
				for !stop.Load() && ctx.Err() == nil {
					start := time.Now()
					err := ask(ctx)
					switch {
					case err != nil:
						failed[i]++
					case !stop.Load():
						times[i].Add(time.Since(start))
					}
				}
			})
		}
		running.Wait()
	})
	for i := range times {
		one.done += times[i].N()
		t.times.Merge(&times[i])
		t.failed += failed[i]
	}
	t.spans = append(t.spans, one)
	return err
}

func (b *requestBench) results(n int) (all []Requests) {
	var raw *track // of the kind, before those that stand beside it
	for _, t := range b.tracks {
		if t.peer == b.raw {
			raw = t
		}
		one := Requests{Kind: t.kind, Clients: n, Up: t.up, Down: t.down, Failed: t.failed}
		one.PerSecond, one.ClientCPU, one.ServerCPU = summary(t.spans)
		one.P50, one.P99 = microseconds(t.times.Quantile(0.5)), microseconds(t.times.Quantile(0.99))
		one.Ratio, one.CPURatio = ratios(t.spans, raw.spans) // a raw one beside itself is 1
		all = append(all, one)
	}
	return all
}
