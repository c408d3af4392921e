package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/pqcoap/pqcoap/conformance/bench"
	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/internal/cli"
)

var benchCommand = cli.Command{
	Name:  "bench",
	Args:  "[-suite N] [-clients LIST] [-rounds N] [-round TIME] [-payload BYTES] [-json]",
	Short: "measure handshakes and requests beside raw datagrams and bare ciphers",
	Long: `Measures handshakes and records without sockets beside the KEM and AEAD operations in
them, handshakes and resumptions over loopback, and GET and POST by so many clients at
once beside datagrams of the same sizes that a plain socket sends back. The server, which
has no limits of admission here, and the echo are processes of their own; all clients are
in this one. Kinds take turns in short rounds, and a ratio is the median of those of
neighbours: x raw is of the rates, x cpu of the processor time that both processes spend
on one. Medians of times, in microseconds.`,
	Examples: `
		pqcoap-conformance bench
		pqcoap-conformance bench -clients 1,64 -rounds 20 -json
	`,
	Setup: setupBench,
}

func setupBench(fs *flag.FlagSet) cli.Action {
	cfg := bench.Config{Suite: handshake.XWing, Clients: []int{1, 8, 64, 256, 1000}}
	suite := fs.String("suite", "1", "`N` of the suite of handshakes and requests over loopback")
	clients := fs.String("clients", "1,8,64,256,1000", "`LIST` of clients at once")
	fs.IntVar(&cfg.Rounds, "rounds", 9, "`N` rounds of each kind")
	fs.DurationVar(&cfg.Round, "round", 300*time.Millisecond, "`TIME` of a round")
	fs.IntVar(&cfg.Payload, "payload", 64, "`BYTES` of a POST")
	asJSON := fs.Bool("json", false, "print one JSON object at the end: suite, kem, records, payloads, handshakes, requests")
	return func(ctx context.Context, std cli.Streams, args []string) error {
		switch {
		case len(args) != 0:
			return cli.Usagef("bench takes no arguments")
		case cfg.Rounds < 1 || cfg.Round <= 0 || cfg.Payload < 0 || cfg.Payload > 1000:
			return cli.Usagef("-rounds and -round: want more than 0; -payload: 0 to 1000")
		}
		for _, err := range []error{
			one("suite", *suite, &cfg.Suite, parseSuite), list("clients", *clients, &cfg.Clients, parseCount),
		} {
			if err != nil {
				return err
			}
		}
		return runBench(ctx, std, cfg, *asJSON)
	}
}

// one parses a value.
func one[T any](name, value string, to *T, parse func(string) (T, bool)) error {
	v, ok := parse(value)
	if !ok {
		return cli.Usagef("-%s: %q does not belong there", name, value)
	}
	*to = v
	return nil
}

func parseCount(s string) (int, bool) {
	n, err := strconv.Atoi(s)
	return n, err == nil && n > 0
}

func runBench(ctx context.Context, std cli.Streams, cfg bench.Config, asJSON bool) (err error) {
	if cfg.Peers, err = peers(); err != nil {
		return err
	}
	table := benchTable{out: std.Out}
	tell := table.row
	if asJSON {
		tell = func(any) {}
	}
	r, err := bench.Run(ctx, cfg, tell)
	if err != nil || !asJSON {
		return err
	}
	return json.NewEncoder(std.Out).Encode(r)
}

// A benchTable writes the parts of a run as they come, with a heading where the kind changes.
type benchTable struct {
	out  io.Writer
	last string
}

func (t *benchTable) row(part any) {
	switch p := part.(type) {
	case bench.KEM:
		t.head("suite    handshake     KEM   check  x KEM", "without sockets, mode kem")
		fmt.Fprintf(t.out, "%5d    %9.0f %7.0f %7.0f %6.2f\n", p.Suite, p.Handshake, p.Bare, p.Check, p.Ratio)
	case bench.Records:
		t.head("bytes     seal     bare      x     open     bare      x allocated  up down", "records, ns")
		fmt.Fprintf(t.out, "%5d %8.0f %8.0f %6.2f %8.0f %8.0f %6.2f %9.0f %3d %4d\n", p.Size, p.Seal, p.BareSeal, p.SealRatio,
			p.Open, p.BareOpen, p.OpenRatio, p.Allocations, p.Up, p.Down)
	case bench.Payload:
		t.head("handshake     bytes datagrams", "UDP payload, no loss, both directions")
		fmt.Fprintf(t.out, "%-12s %6d %9d\n", p.Kind, p.Bytes, p.Datagrams)
	case bench.Handshake:
		t.head("handshake clients      /s     p50     p99  cpu client  server   x KEM failed", "over loopback, with the first record")
		fmt.Fprintf(t.out, "%-9s %7d %7.0f %7.0f %7.0f %11.0f %7.0f %7.2f %6d\n", p.Kind, p.Clients, p.PerSecond, p.P50, p.P99,
			p.ClientCPU, p.ServerCPU, p.Ratio, p.Failed)
	case bench.Requests:
		t.head("request  clients  up/down       /s     p50     p99  cpu client server  x raw  x cpu failed", "over loopback, no limits of admission")
		fmt.Fprintf(t.out, "%-8s %7d %4d/%-4d %8.0f %7.0f %7.0f %11.1f %6.1f %6.2f %6.2f %6d\n", p.Kind, p.Clients, p.Up, p.Down, p.PerSecond,
			p.P50, p.P99, p.ClientCPU, p.ServerCPU, p.Ratio, p.CPURatio, p.Failed)
	}
}

func (t *benchTable) head(columns, about string) {
	if t.last == columns {
		return
	}
	if t.last != "" {
		fmt.Fprintln(t.out)
	}
	t.last = columns
	fmt.Fprintf(t.out, "%s\n%s\n", about, columns)
}
