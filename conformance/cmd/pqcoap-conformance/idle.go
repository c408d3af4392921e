package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/pqcoap/pqcoap/conformance/idle"
	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/internal/cli"
)

var idleCommand = cli.Command{
	Name:  "idle",
	Args:  "[-n LIST] [-suite N] [-settle TIME] [-probes N] [-json]",
	Short: "measure what idle sessions cost a server",
	Long: `Opens sessions of devices with pre-shared keys at a server in a process of its own, by
handshakes over loopback, and lets them rest. For each number of sessions: the resident
memory of that process a session, above the one without any; the time of Server.Recheck,
which looks at each of them; its processor time in a second in which nothing happens; and
how long a GET takes of one that was idle, and another right after. The server has no
limits of admission here. A million takes some minutes. Exit code 1 if a request failed.`,
	Examples: `
		pqcoap-conformance idle
		pqcoap-conformance idle -n 100000,300000,1000000 -json
	`,
	Setup: setupIdle,
}

func setupIdle(fs *flag.FlagSet) cli.Action {
	cfg := idle.Config{Suite: handshake.MLKEM512}
	levels := fs.String("n", "20000,100000", "`LIST` of numbers of sessions, ascending")
	suite := fs.String("suite", "3", "`N` of the suite of the handshakes")
	fs.DurationVar(&cfg.Settle, "settle", 140*time.Second, "`TIME` to let them rest: what is kept for late "+
		"repetitions of a handshake is gone after 2 minutes")
	fs.IntVar(&cfg.Probes, "probes", 1000, "`N` requests for each number")
	asJSON := fs.Bool("json", false, "print one JSON object at the end: suite, base_rss_bytes, levels (n, resting, opened_per_second, "+
		"rss_bytes, rss_bytes_per_session, heap_bytes_per_session, recheck_ms, idle_cpu_ms, p50_us, p99_us, max_us, "+
		"again_p50_us, failed)")
	return func(ctx context.Context, std cli.Streams, args []string) error {
		if len(args) != 0 {
			return cli.Usagef("idle takes no arguments")
		}
		for _, err := range []error{one("suite", *suite, &cfg.Suite, parseSuite), list("n", *levels, &cfg.N, parseCount)} {
			if err != nil {
				return err
			}
		}
		if len(cfg.N) == 0 || !slices.IsSorted(cfg.N) || cfg.Probes < 0 || cfg.Settle < 0 {
			return cli.Usagef("-n: want numbers that rise; -probes and -settle: no less than 0")
		}
		return runIdle(ctx, std, cfg, *asJSON)
	}
}

func runIdle(ctx context.Context, std cli.Streams, cfg idle.Config, asJSON bool) (err error) {
	if cfg.Peers, err = peers(); err != nil {
		return err
	}
	failed := 0
	table := idleTable{std.Out}
	if !asJSON {
		table.head()
	}
	r, err := idle.Run(ctx, cfg, func(l idle.Level) {
		failed += l.Failed
		if !asJSON {
			table.row(l)
		}
	})
	if err == nil && asJSON {
		err = json.NewEncoder(std.Out).Encode(r)
	}
	if err == nil && failed > 0 {
		err = fmt.Errorf("%d requests failed", failed)
	}
	return err
}

// An idleTable writes levels as they come.
type idleTable struct{ out io.Writer }

func (t idleTable) head() {
	for _, head := range [][]any{
		{"", "of them", "opened", "RSS", "B each", "B heap", "recheck", "idle cpu", "p50", "p99", "max", "again"},
		{"sessions", "at rest", "/s", "MB", "RSS", "each", "ms", "ms/s", "µs", "µs", "µs", "µs"},
	} {
		fmt.Fprintf(t.out, "%8s %8s %7s %7s %6s %6s %8s %8s %6s %6s %6s %6s\n", head...)
	}
}

func (t idleTable) row(l idle.Level) {
	fmt.Fprintf(t.out, "%8d %8d %7.0f %7.1f %6.0f %6.0f %8.1f %8.1f %6.0f %6.0f %6.0f %6.0f\n", l.N, l.Resting, l.Opened, float64(l.RSS)/1e6,
		l.Each, l.Heap, l.Recheck, l.CPU, l.P50, l.P99, l.Max, l.Again)
}
