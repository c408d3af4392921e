package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/plgd-dev/go-coap/v3/message"

	"github.com/pqcoap/pqcoap/coap"
	"github.com/pqcoap/pqcoap/internal/cli"
	"github.com/pqcoap/pqcoap/node"
)

func benchCommand() cli.Command {
	return cli.Command{
		Name:  "bench",
		Args:  "-c FILE|FOLDER [-clients N] [-rate N] [-get | -post PATH] [-json]",
		Short: "measure requests under load",
		Long: `Bench asks a server for as long as it is told. A device has one session: with a file of a
device all clients share it, with a folder each *.toml in it is a device with a session of
its own, and clients are spread over them; with -anonymous each client has a session
without a credential, where the server takes such. Without -rate a client asks again when
it has its answer; with it requests begin at that rate, and a time counts from when its
request was due, also where no client was free. Exit code 4 if a request failed. A server
holds each device to its limits: requests_per_device_per_second in server.toml.`,
		Examples: `
			pqcoap-node bench -c sensor-1.toml -clients 8
			pqcoap-node bench -c devices -clients 100 -rate 2000 -post /echo -json`,
		Setup: benchSetup,
	}
}

// A benchRun is the flags of one run.
type benchRun struct {
	target
	clients, rate, payload int
	duration               time.Duration
	get, post              string
	anonymous, asJSON      bool
}

// benchDial is how long sessions may take to open.
const benchDial = 30 * time.Second

func benchSetup(fs *flag.FlagSet) cli.Action {
	var b benchRun
	b.define(fs, benchDial, "on a session, or a request")
	fs.IntVar(&b.clients, "clients", 1, "`N` requests at once")
	fs.IntVar(&b.rate, "rate", 0, "`N` requests begin a second (default: a client asks when it has its answer)")
	fs.DurationVar(&b.duration, "duration", 10*time.Second, "`TIME` to ask")
	fs.StringVar(&b.get, "get", "", "`PATH` to GET (default /time)")
	fs.StringVar(&b.post, "post", "", "`PATH` to POST to")
	fs.IntVar(&b.payload, "payload", 32, "`BYTES` of a POST")
	fs.BoolVar(&b.anonymous, "anonymous", false, "sessions without the device's credential, one a client")
	fs.BoolVar(&b.asJSON, "json", false, "print one JSON object: clients, sessions, seconds, requests, per_second, "+
		"p50_ms, p90_ms, p99_ms, max_ms, errors (by kind), overhead_bytes_out and "+
		"overhead_bytes_in: UDP payload of a request beyond the bodies")
	return func(ctx context.Context, std cli.Streams, args []string) error {
		switch {
		case len(args) != 0:
			return cli.Usagef("want no arguments, have %d", len(args))
		case b.clients < 1 || b.rate < 0 || b.duration <= 0 || b.payload < 0:
			return cli.Usagef("-clients and -duration: want more than 0; -rate and -payload: no less than 0")
		case b.get != "" && b.post != "":
			return cli.Usagef("-get and -post: want one of them")
		}
		return b.run(ctx, std)
	}
}

func (b *benchRun) run(ctx context.Context, std cli.Streams) error {
	configs, err := b.configs()
	if err != nil {
		return err
	}
	m, err := b.request()
	if err != nil {
		return err
	}
	conns, err := b.open(ctx, std, configs)
	defer func() {
		for _, c := range conns {
			c.Close()
		}
	}()
	if err != nil {
		return err
	}
	l := newLoad(conns, m, b)
	r := l.run(ctx)
	if b.asJSON {
		err = json.NewEncoder(std.Out).Encode(r)
	} else {
		r.write(std.Out)
	}
	if err == nil && len(r.Errors) > 0 {
		err = cli.Exit(codeAnswer, fmt.Errorf("%d of %d requests failed", r.failed(), r.Requests))
	}
	return err
}

// configs are those of all sessions. None has a state file: what is measured is to begin the same
// each time.
func (b *benchRun) configs() ([]node.Config, error) {
	files := []string{b.file}
	if info, err := os.Stat(b.file); err == nil && info.IsDir() {
		if files, err = filepath.Glob(filepath.Join(b.file, "*.toml")); err != nil || len(files) == 0 {
			return nil, cli.Usagef("-c: %s has no *.toml", b.file)
		}
	}
	var configs []node.Config
	for _, file := range files {
		t := b.target
		t.file = file
		cfg, err := t.config()
		if err != nil {
			return nil, err
		}
		cfg.State, cfg.Memory = "", new(node.Memory)
		configs = append(configs, cfg)
	}
	if b.anonymous {
		one := configs[0]
		one.Key, one.PSK = nil, nil
		configs = nil
		for range b.clients {
			configs = append(configs, one)
		}
	}
	return configs[:min(len(configs), b.clients)], nil
}

func (b *benchRun) request() (coap.Message, error) {
	if b.post == "" {
		path := b.get
		if path == "" {
			path = "/time"
		}
		return node.NewRequest(coap.GET, path, nil)
	}
	format := message.AppOctets
	m, err := node.NewRequest(coap.POST, b.post, &format)
	m.Payload = make([]byte, b.payload)
	return m, err
}

func (b *benchRun) open(ctx context.Context, std cli.Streams, configs []node.Config) (conns []*node.Conn, err error) {
	for _, cfg := range configs {
		within, cancel := context.WithTimeout(ctx, b.timeout)
		c, err := b.dial(within, std, cfg)
		cancel()
		if err != nil {
			return conns, err
		}
		conns = append(conns, c)
	}
	return conns, nil
}
