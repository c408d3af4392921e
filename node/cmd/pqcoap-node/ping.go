package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"time"

	"github.com/pqcoap/pqcoap/internal/cli"
	"github.com/pqcoap/pqcoap/node"
)

func pingCommand() cli.Command {
	return cli.Command{
		Name:  "ping",
		Args:  "-c FILE [-server ADDR] [-fresh] [-n N] [-json]",
		Short: "measure handshakes",
		Long: `Ping makes N handshakes, one after the other, each followed by GET /time. Times start
before any key is generated: a handshake ends when the server has proven itself, the
first answer when the body of GET /time is there. Bytes and datagrams are UDP payload, of
the finished handshakes together, with the GETs apart. With a state file those behind the
first are resumptions, which a line says. Exit code 3 if one failed.`,
		Examples: `
			pqcoap-node ping -c sensor-1.toml -n 5
			pqcoap-node ping -c sensor-1.toml -fresh -n 100 -json`,
		Setup: pingSetup,
	}
}

func pingSetup(fs *flag.FlagSet) cli.Action {
	var t target
	t.define(fs, requestTimeout, "on one handshake and its GET")
	n := fs.Int("n", 3, "`N` handshakes")
	fresh := fs.Bool("fresh", false, "remember nothing from one handshake to the next: neither the server's "+
		"Echo nor the round-trip time, nor a ticket, nor a new key of the server")
	asJSON := fs.Bool("json", false, "print one JSON object at the end and nothing else: handshakes, failed, resumed, "+
		"handshake_ms, first_answer_ms (each p50, p95, p99, max), bytes_out, "+
		"bytes_in, datagrams_out, datagrams_in, request_bytes_out, "+
		"request_bytes_in")
	return func(ctx context.Context, std cli.Streams, args []string) error {
		switch {
		case len(args) != 0:
			return cli.Usagef("want no arguments, have %d", len(args))
		case *n < 1:
			return cli.Usagef("-n: want 1 or more")
		}
		cfg, err := t.config()
		if err != nil {
			return err
		}
		if *fresh {
			cfg.State = ""
		} else {
			cfg.Memory = new(node.Memory)
		}
		p := pinger{target: &t, cfg: cfg, std: std, quiet: *asJSON}
		p.run(ctx, *n)
		return p.report(*asJSON)
	}
}

// A pinger makes handshakes and counts what they cost.
type pinger struct {
	target *target
	cfg    node.Config
	std    cli.Streams
	quiet  bool // no line a handshake
	pings  []ping
	failed int
}

// A ping is one handshake that ended well, and the request after it.
type ping struct {
	handshake, answer time.Duration
	stats             node.Stats
	session           [16]byte
	woken             bool // nothing was exchanged to open it
}

// how is what has opened the session.
func (p *ping) how() string {
	switch {
	case p.woken:
		return "woken"
	case p.stats.Resumed:
		return "resumption"
	}
	return "handshake"
}

// run makes n handshakes, fewer if ctx ends.
func (p *pinger) run(ctx context.Context, n int) {
	if !p.quiet {
		fmt.Fprintf(p.std.Out, "PING %s: suite %d (%v), mode %v\n", p.cfg.Server, p.cfg.Suite, p.cfg.Suite, mode(p.cfg))
	}
	for i := 1; i <= n && ctx.Err() == nil; i++ {
		one, err := p.once(ctx)
		if err != nil {
			p.failed++
			fmt.Fprintf(p.std.Err, "handshake %d: %v\n", i, err)
			continue
		}
		p.pings = append(p.pings, one)
		if !p.quiet {
			h := one.stats.Handshake
			fmt.Fprintf(p.std.Out, "%3d: %s %s, answer %s; %d B out, %d B in; session %x\n",
				i, one.how(), milliseconds(one.handshake), milliseconds(one.answer), h.BytesOut, h.BytesIn, one.session[:4])
		}
	}
}

func (p *pinger) once(ctx context.Context) (one ping, err error) {
	ctx, cancel := context.WithTimeout(ctx, p.target.timeout)
	defer cancel()
	start := time.Now()
	conn, err := p.target.dial(ctx, p.std, p.cfg)
	if err != nil {
		return one, err
	}
	defer conn.Close()
	one.handshake = time.Since(start)
	answer, err := conn.Get(ctx, "/time")
	one.answer = time.Since(start)
	switch {
	case err != nil:
		return one, fmt.Errorf("GET /time: %w", p.target.explain(err))
	case answer.Code>>5 != 2:
		return one, fmt.Errorf("GET /time: the server answered %s", codeText(answer.Code))
	}
	one.stats, one.woken = conn.Stats(), conn.Woken()
	if s := conn.Session(); s != nil {
		one.session = s.SessionID
	}
	return one, nil
}

// report writes the summary; a failed handshake is an error.
func (p *pinger) report(asJSON bool) error {
	r := newReport(p.pings, p.failed)
	if asJSON {
		if err := json.NewEncoder(p.std.Out).Encode(r); err != nil {
			return err
		}
	} else {
		r.write(p.std.Out, p.cfg.Server)
	}
	if p.failed > 0 {
		return cli.Exit(codeNoSession, fmt.Errorf("%d of %d handshakes failed", p.failed, r.Handshakes))
	}
	return nil
}
