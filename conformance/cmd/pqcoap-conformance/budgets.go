package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"

	"github.com/pqcoap/pqcoap/conformance/budgets"
	"github.com/pqcoap/pqcoap/internal/cli"
)

var budgetsCommand = cli.Command{
	Name:  "budgets",
	Args:  "[-dir FOLDER] [-plot] [-json]",
	Short: "hold what was measured against the budgets",
	Long: `Reads what the other commands have printed with -json, from FOLDER/bench.json and others as
docs/performance/bench writes them, and prints each figure with its budget, and pass or
short. With -plot it draws, into the same folder, throughput and latency by clients,
memory by sessions and cost by payload. Exit code 1 if a budget is not kept.`,
	Examples: `pqcoap-conformance budgets -dir docs/performance -plot`,
	Setup: func(fs *flag.FlagSet) cli.Action {
		dir := fs.String("dir", "docs/performance", "`FOLDER` of the measurements")
		plot := fs.Bool("plot", false, "draw too")
		asJSON := fs.Bool("json", false, "print one JSON array of rows: figure, ours, budget, verdict, command")
		return func(_ context.Context, std cli.Streams, args []string) error {
			if len(args) != 0 {
				return cli.Usagef("budgets takes no arguments")
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
