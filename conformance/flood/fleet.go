package flood

import (
	"context"
	"crypto/rand"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/plgd-dev/go-coap/v3/message"

	"github.com/pqcoap/pqcoap/coap"
	"github.com/pqcoap/pqcoap/conformance/rig"
	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/internal/latency"
	"github.com/pqcoap/pqcoap/internal/session"
)

// A fleet is devices that come, ask once and go, each from an address and a network of its own.
type fleet struct {
	cfg     Config
	peer    *rig.Peer
	devices []*device

	mu               sync.Mutex
	times            latency.Histogram
	begun, succeeded int
}

type device struct {
	key    *handshake.PrivateKey
	socket *net.UDPConn
}

// devices are so many: each comes once in devices/Rate seconds.
const devices = 64

// sessionTime is after which a device has not got in.
const sessionTime = 10 * time.Second

// deviceAddr is where a device sits.
func deviceAddr(i int) netip.Addr { return netip.AddrFrom4([4]byte{127, 200, byte(i), 7}) }

func newFleet(cfg Config) (*fleet, rig.Config, error) {
	f := &fleet{cfg: cfg}
	serve := rig.Config{Suite: cfg.Suite, Limits: true}
	rand.Read(serve.EchoSecret[:])
	for i := range devices {
		key, err := handshake.GenerateKey(rand.Reader, cfg.Suite)
		if err != nil {
			return nil, serve, err
		}
		socket, err := rig.Listen(deviceAddr(i))
		if err != nil {
			f.close()
			return nil, serve, err
		}
		f.devices = append(f.devices, &device{key, socket})
		serve.Devices = append(serve.Devices, key.Public().Bytes())
	}
	return f, serve, nil
}

func (f *fleet) close() {
	for _, d := range f.devices {
		d.socket.Close()
	}
}

func (f *fleet) reset() { f.times, f.begun, f.succeeded = latency.Histogram{}, 0, 0 }

// run has devices come at their rate, in turn, until the duration is over, and waits for the last.
func (f *fleet) run(ctx context.Context, duration time.Duration) {
	var running sync.WaitGroup
	defer running.Wait()
	free := make(chan *device, devices)
	for _, d := range f.devices {
		free <- d
	}
	start := time.Now()
	for i := 0; ; i++ {
		due := time.Duration(i) * time.Second / time.Duration(f.cfg.Rate)
		if due >= duration || ctx.Err() != nil {
			return
		}
		time.Sleep(time.Until(start.Add(due)))
		select {
		case d := <-free:
			running.Go(func() {
				f.come(ctx, d)
				free <- d
			})
		default: // all are still waiting for an answer: this one would too
			f.note(0, false)
		}
	}
}

// come opens a session, asks and leaves.
func (f *fleet) come(ctx context.Context, d *device) {
	ctx, cancel := context.WithTimeout(ctx, sessionTime)
	defer cancel()
	start := time.Now()
	opened, err := rig.Open(ctx, d.socket, f.peer.Addr, session.DeviceConfig{
		Server: f.peer.Credential, Suite: f.cfg.Suite, Key: d.key,
	})
	if err == nil {
		var m coap.Message
		m, err = opened.Do(ctx, coap.Message{Code: coap.GET, Options: message.Options{{ID: message.URIPath, Value: []byte("x")}}})
		opened.Close()
		if err == nil && m.Code != coap.ContentCode {
			err = rig.ErrNoAnswer
		}
	}
	f.note(time.Since(start), err == nil)
}

func (f *fleet) note(took time.Duration, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.begun++; ok {
		f.succeeded++
		f.times.Add(took)
	}
}

func (f *fleet) report(r *Row) {
	r.Devices, r.Succeeded = f.begun, f.succeeded
	r.P50, r.P99 = milliseconds(f.times.Quantile(0.5)), milliseconds(f.times.Quantile(0.99))
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
