package rig

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/plgd-dev/go-coap/v3/message"

	"github.com/pqcoap/pqcoap/coap"
	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/server"
)

// What a peer can be asked for, and its first words.
const (
	askReport  = "report"
	askSettle  = "settle"  // give memory back to the system, then report
	askRecheck = "recheck" // ask about every session, then report
)

type started struct {
	Addr       string
	Credential []byte
	Error      string
}

// Serve is a peer: a configuration comes in as JSON, and then what it is asked for, until the end of
// the input.
func Serve(ctx context.Context, in io.Reader, out io.Writer) error {
	words, say := json.NewDecoder(in), json.NewEncoder(out)
	var cfg Config
	if err := words.Decode(&cfg); err != nil {
		return fmt.Errorf("rig: configuration of the peer: %w", err)
	}
	p, first, err := begin(ctx, cfg)
	if err != nil {
		return errors.Join(err, say.Encode(started{Error: err.Error()}))
	}
	defer p.stop()
	if err := say.Encode(first); err != nil {
		return err
	}
	for {
		var ask string
		switch err := words.Decode(&ask); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
		report, err := p.answer(ask)
		if err != nil {
			return err
		}
		if err := say.Encode(report); err != nil {
			return err
		}
	}
}

// A serving is a peer at work.
type serving struct {
	server *server.Server // nil: an echo
	stop   func()
}

func begin(ctx context.Context, cfg Config) (*serving, started, error) {
	if cfg.Echo {
		return echo()
	}
	key, err := handshake.GenerateKey(rand.Reader, cfg.Suite)
	if err != nil {
		return nil, started{}, err
	}
	srv, err := newServer(cfg, key)
	if err != nil {
		return nil, started{}, err
	}
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- srv.ListenAndServe(ctx, "127.0.0.1:0") }()
	for srv.Addr() == nil {
		select {
		case err := <-ended:
			cancel()
			return nil, started{}, err
		case <-time.After(time.Millisecond):
		}
	}
	stop := func() {
		cancel()
		<-ended
	}
	return &serving{srv, stop}, started{Addr: srv.Addr().String(), Credential: key.ServerCredential().Bytes()}, nil
}

func newServer(cfg Config, key *handshake.PrivateKey) (*server.Server, error) {
	authorize, err := authorizer(cfg)
	if err != nil {
		return nil, err
	}
	tickets, err := handshake.NewTicketKeys(rand.Reader, time.Now())
	if err != nil {
		return nil, err
	}
	c := server.Config{
		Keys: []*handshake.PrivateKey{key}, Authorize: authorize, Handler: coap.HandlerFunc(serve), Tickets: tickets,
		MaxSessions: cfg.MaxSessions, Secrets: server.Secrets{Echo: cfg.EchoSecret},
		Limits: server.Limits{Lifetime: 24 * time.Hour, Small: 255, SmallAge: 24 * time.Hour},
	}
	if !cfg.Limits {
		c.Admission, c.MaxHalfOpen = server.Admission{Burst: 1}, 1<<16
	}
	return server.New(c)
}

func authorizer(cfg Config) (server.Authorizer, error) {
	known := make(map[[16]byte]*handshake.PublicKey)
	for _, b := range cfg.Devices {
		key, err := handshake.ParsePublicKey(cfg.Suite, b)
		if err != nil {
			return nil, err
		}
		known[key.DeviceID()] = key
	}
	return func(_ handshake.Suite, c handshake.ClientCredential) (server.Client, error) {
		switch key := known[c.ID]; {
		case c.Mode == handshake.ModeNone:
			return server.Client{}, nil
		case c.Mode == handshake.ModePSK:
			return server.Client{Name: fmt.Sprintf("%x", c.ID[:8]), PSK: &handshake.PSK{ID: c.ID, Key: pskKey(c.ID)}}, nil
		case key != nil:
			return server.Client{Name: fmt.Sprintf("%x", c.ID[:8]), Key: key}, nil
		}
		return server.Client{}, errStranger
	}, nil
}

var errStranger = errors.New("rig: not enrolled")

var (
	reading = coap.Content(message.TextPlain, []byte("21.5"))
	changed = coap.Status(coap.Changed)
)

// serve answers a GET with a reading, and takes what is sent.
func serve(_ context.Context, r *coap.Request) *coap.Message {
	if r.Code == coap.GET {
		return reading
	}
	return changed
}

func (p *serving) answer(ask string) (Report, error) {
	start := time.Now()
	switch ask {
	case askReport:
	case askSettle:
		debug.FreeOSMemory()
	case askRecheck:
		if p.server != nil {
			p.server.Recheck()
		}
	default:
		return Report{}, fmt.Errorf("rig: a peer cannot %q", ask)
	}
	r := Report{Took: time.Since(start), RSS: memory(), CPU: CPU()}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	r.Heap = int64(m.HeapAlloc)
	if p.server != nil {
		s := p.server.Stats()
		r.Sessions, r.Resting, r.HalfOpen = s.Sessions, s.Resting, s.HalfOpen
		r.Received, r.Sent = s.Plain.BytesIn+s.Records.BytesIn, s.Plain.BytesOut+s.Records.BytesOut
	}
	return r, nil
}
