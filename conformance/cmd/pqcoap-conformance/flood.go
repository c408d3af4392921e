package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/pqcoap/pqcoap/conformance/flood"
	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/internal/cli"
)

var floodCommand = cli.Command{
	Name:  "flood",
	Args:  "[-kind LIST] [-rate N] [-times N] [-duration TIME] [-suite N] [-json]",
	Short: "measure whether devices get through a flood",
	Long: `Has devices come to a server at a rate, each from a network of its own, make a handshake,
ask once and go, while attackers at 256 addresses begin ten times as often. The server
has the limits that it has of itself, and is a process of its own for each kind of
flood. A row is how many devices got their answer, and when; what the server sent back
for each byte of the attackers; and the most memory it had. Exit code 1 if fewer than
999 of 1000 got in, if an address that proves nothing got more than three bytes for each
of its own, or if the server grew by more than 128 MiB. Linux only.`,
	Examples: `
		pqcoap-conformance flood
		pqcoap-conformance flood -kind 'half-open,junk m1' -times 100 -json
	`,
	Setup: setupFlood,
}

func setupFlood(fs *flag.FlagSet) cli.Action {
	cfg := flood.Config{Suite: handshake.XWing}
	suite := fs.String("suite", "1", "`N` of the suite")
	kinds := fs.String("kind", "", "`LIST` of "+strings.Join(flood.Kinds(), ", ")+"; without it all")
	fs.IntVar(&cfg.Rate, "rate", 50, "`N` sessions of devices a second")
	fs.IntVar(&cfg.Times, "times", 10, "attackers send `N` times as often")
	fs.DurationVar(&cfg.Duration, "duration", 5*time.Second, "`TIME` of each flood")
	asJSON := fs.Bool("json", false, "print one JSON object at the end: suite, sessions_per_second, times, rows (kind, sessions, "+
		"succeeded, p50_ms, p99_ms, attacks, bytes_in, bytes_out, amplification, unproven, rss_bytes, rss_grown_bytes, "+
		"server_cpu_share, half_open, verdict)")
	return func(ctx context.Context, std cli.Streams, args []string) error {
		switch {
		case len(args) != 0:
			return cli.Usagef("flood takes no arguments")
		case cfg.Rate < 1 || cfg.Times < 1 || cfg.Duration < 100*time.Millisecond:
			return cli.Usagef("-rate and -times: want 1 or more; -duration: 100ms or more")
		}
		known := func(s string) (string, bool) {
			return s, strings.Contains(","+strings.Join(flood.Kinds(), ",")+",", ","+s+",")
		}
		for _, err := range []error{one("suite", *suite, &cfg.Suite, parseSuite), list("kind", *kinds, &cfg.Kinds, known)} {
			if err != nil {
				return err
			}
		}
		return runFlood(ctx, std, cfg, *asJSON)
	}
}

func runFlood(ctx context.Context, std cli.Streams, cfg flood.Config, asJSON bool) (err error) {
	if cfg.Peers, err = peers(); err != nil {
		return err
	}
	short := 0
	table := floodTable{std.Out}
	if !asJSON {
		table.head()
	}
	r, err := flood.Run(ctx, cfg, func(row flood.Row) {
		if row.Verdict != flood.Pass {
			short++
		}
		if !asJSON {
			table.row(row)
		}
	})
	if err == nil && asJSON {
		err = json.NewEncoder(std.Out).Encode(r)
	}
	if err == nil && short > 0 {
		err = fmt.Errorf("%d of %d floods fall short", short, len(r.Rows))
	}
	return err
}

// A floodTable writes rows as they come.
type floodTable struct{ out io.Writer }

func (t floodTable) head() {
	fmt.Fprintf(t.out, "%-13s %8s %6s %6s %6s %8s %9s %9s %6s %6s %6s %5s\n", "flood", "sessions", "got in", "p50 ms", "p99 ms",
		"attacks", "B in", "B out", "out/in", "MB", "grown", "cores")
}

func (t floodTable) row(r flood.Row) {
	fmt.Fprintf(t.out, "%-13s %8d %6d %6.1f %6.1f %8d %9d %9d %6.2f %6.1f %6.1f %5.2f %s\n", r.Kind, r.Devices, r.Succeeded, r.P50, r.P99,
		r.Attacks, r.In, r.Out, r.Amplification, float64(r.RSS)/1e6, float64(r.Grown)/1e6, r.CPU, r.Verdict)
}
