package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"

	"github.com/pqcoap/pqcoap/conformance/budgets"
	"github.com/pqcoap/pqcoap/internal/cli"
)

var budgetsCommand = cli.Command{
	Name:  "budgets",
	Args:  "[-dir FOLDER] [-plot] [-json | -show NAME]",
	Short: "hold what was measured against the budgets",
	Long: `Reads what the other commands have printed with -json, from FOLDER/bench.json and others as
docs/performance/bench writes them, and prints each figure with its budget, and pass or
short. With -plot it draws, into the same folder, throughput and latency by clients,
memory by sessions and cost by payload. With -show it prints the table of one command.
Exit code 1 if a budget is not kept.`,
	Examples: `pqcoap-conformance budgets -dir docs/performance -plot`,
	Setup: func(fs *flag.FlagSet) cli.Action {
		dir := fs.String("dir", "docs/performance", "`FOLDER` of the measurements")
		plot := fs.Bool("plot", false, "draw too")
		asJSON := fs.Bool("json", false, "print one JSON array of rows: figure, ours, budget, verdict, command")
		show := fs.String("show", "", "`NAME` of what was measured: bench, flood, idle or load")
		return func(_ context.Context, std cli.Streams, args []string) error {
			if len(args) != 0 {
				return cli.Usagef("budgets takes no arguments")
			}
			if *show != "" {
				return showMeasured(std.Out, *dir, *show)
			}
			return runBudgets(std, *dir, *plot, *asJSON)
		}
	},
}

func runBudgets(std cli.Streams, dir string, plot, asJSON bool) error {
	f, err := budgets.Read(dir)
	if err != nil {
		return err
	}
	if plot {
		if _, err := f.Draw(dir); err != nil {
			return err
		}
	}
	rows := f.Rows()
	if asJSON {
		if err := json.NewEncoder(std.Out).Encode(rows); err != nil {
			return err
		}
	} else {
		budgets.Write(std.Out, rows)
	}
	if n := budgets.Broken(rows); n > 0 {
		return fmt.Errorf("%d of %d budgets are not kept", n, len(rows))
	}
	return nil
}

// showMeasured prints the table of what a command has printed as JSON.
func showMeasured(out io.Writer, dir, name string) error {
	f, err := budgets.Read(dir)
	if err != nil {
		return err
	}
	switch {
	case name == "bench" && f.Bench != nil:
		showBench(out, f)
	case name == "flood" && f.Flood != nil:
		t := floodTable{out}
		t.head()
		for _, row := range f.Flood.Rows {
			t.row(row)
		}
	case name == "idle" && f.Idle != nil:
		t := idleTable{out}
		t.head()
		for _, level := range f.Idle.Levels {
			t.row(level)
		}
	case name == "load" && f.Load != nil:
		showLoad(out, f.Load)
	default:
		return cli.Usagef("-show: %s has nothing of %q: want bench, flood, idle or load", dir, name)
	}
	return nil
}

func showBench(out io.Writer, f *budgets.Figures) {
	t := benchTable{out: out}
	for _, part := range f.Bench.KEM {
		t.row(part)
	}
	for _, part := range f.Bench.Records {
		t.row(part)
	}
	for _, part := range f.Bench.Payloads {
		t.row(part)
	}
	for _, part := range f.Bench.Handshakes {
		t.row(part)
	}
	for _, part := range f.Bench.Requests {
		t.row(part)
	}
}

func showLoad(out io.Writer, l *budgets.Load) {
	fmt.Fprintf(out, "%-11s %7s %5s %8s %8s %8s %8s\n", "stack", "clients", "bytes", "/s", "p50 µs", "p99 µs", "cpu µs")
	for _, q := range l.Requests {
		fmt.Fprintf(out, "%-11s %7d %5d %8.0f %8.0f %8.0f %8.1f\n", q.Stack, q.Clients, q.Payload, q.PerSecond, q.P50, q.P99, q.CPU)
	}
	fmt.Fprintf(out, "\n%-11s %8s %8s\n", "stack", "sessions", "RSS each")
	for _, m := range l.Memory {
		fmt.Fprintf(out, "%-11s %8d %8.0f\n", m.Stack, m.Sessions, m.RSS)
	}
}
