package main

import (
	"context"
	"flag"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pqcoap/pqcoap/conformance/matrix"
	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/internal/cli"
)

var lossCommand = cli.Command{
	Name:  "loss",
	Args:  "[-real] [-suite LIST] [-loss LIST] [-rtt LIST] [-mtu LIST] [-plot FILE]",
	Short: "measure handshakes over lossy links, against the budgets",
	Long: `Makes handshakes (mutual, by KEM keys) over links of every loss, round trip, MTU and
suite: with the engine under a virtual clock, or with -real on sockets through a relay
on this machine, which takes a quiet one. A time is from before the keys of a handshake
are made until the server has proven itself; under the virtual clock computing takes
no time. Datagrams and bytes are means of what both sides sent, as UDP payload, lost
ones too. Exit code 1 if a cell falls short of its budget, with 10 % allowance for
the sample, or a handshake of it fails.`,
	Examples: `
		pqcoap-conformance loss -suite 1 -rtt 100 -mtu 1280
		pqcoap-conformance loss -real -loss 10,20 -plot curves.svg
		pqcoap-conformance loss -mtu 128 -configured -json
		pqcoap-conformance loss -suite 1 -rtt 100 -mtu 1280 -resume small,secret
	`,
	Setup: setupLoss,
}

// Handshakes in a cell where -n does not say.
const (
	handshakesBudget = 2000 // simulated, at the round trip and MTU of the budgets
	handshakesElse   = 200
	handshakesReal   = 500
)

// A lossRun is the flags of one run.
type lossRun struct {
	real, asJSON, configured    bool
	suite, loss, rtt, mtu, echo string
	resume                      string
	n                           int
	seed                        uint64
	plot                        string
}

func setupLoss(fs *flag.FlagSet) cli.Action {
	var l lossRun
	fs.BoolVar(&l.real, "real", false, "real sockets; without other flags the cells that have a budget")
	fs.StringVar(&l.suite, "suite", "", "`LIST` of suites, such as 1,3")
	fs.StringVar(&l.loss, "loss", "", "`LIST` of losses of each direction, in %")
	fs.StringVar(&l.rtt, "rtt", "", "`LIST` of round trips, in ms")
	fs.StringVar(&l.mtu, "mtu", "", "`LIST` of MTUs: bytes of an IPv6 packet")
	fs.StringVar(&l.echo, "echo", "", "`LIST` of no and yes: whether the server demands Echo; without the "+
		"flag, yes only where there is a budget for it")
	fs.StringVar(&l.resume, "resume", "no", "`LIST` of no, small and secret: sessions begin with a ticket, in the "+
		"small form or in the forward secret one; simulated only")
	fs.BoolVar(&l.configured, "configured", false, "the device is told the MTU; else it is configured for 1280")
	fs.IntVar(&l.n, "n", 0, "`N` handshakes a cell (default: at RTT 100 and MTU 1280 2000, else 200; "+
		"with -real 500)")
	fs.Uint64Var(&l.seed, "seed", 1, "`SEED` of what is lost")
	fs.BoolVar(&l.asJSON, "json", false, "print one JSON object at the end: sockets, seed, budgets, fall_short, "+
		"cells (suite, rtt_ms, mtu, loss, echo, configured, resume, n, failed, error, "+
		"p50_ms, p95_ms, p99_ms, datagrams, bytes, budget_ms, verdict); a "+
		"quantile that was not reached is null")
	fs.StringVar(&l.plot, "plot", "", "`FILE`.svg or FILE.png for completion curves of the suite, round trip "+
		"and MTU of the budgets, or of the first there are")
	return func(ctx context.Context, std cli.Streams, args []string) error {
		if len(args) != 0 {
			return cli.Usagef("loss takes no arguments")
		}
		return l.run(ctx, std)
	}
}

func (l *lossRun) run(ctx context.Context, std cli.Streams) error {
	cells, err := l.cells()
	if err != nil {
		return err
	}
	if l.plot != "" && !strings.HasSuffix(l.plot, ".svg") && !strings.HasSuffix(l.plot, ".png") {
		return cli.Usagef("-plot: want a name that ends in .svg or .png")
	}
	results, err := l.measure(ctx, std, cells)
	if err != nil {
		return err
	}
	if l.plot != "" {
		if err := l.draw(results); err != nil {
			return err
		}
	}
	return l.conclude(std.Out, results)
}

// measure runs all cells; without -json it reports each as it is done.
func (l *lossRun) measure(ctx context.Context, std cli.Streams, cells []matrix.Cell) ([]matrix.Result, error) {
	measure := matrix.Simulate
	if l.real {
		measure = matrix.Measure
	}
	table := lossTable{out: std.Out}
	var results []matrix.Result
	for _, c := range cells {
		r, err := measure(ctx, c, l.seed)
		if err != nil {
			return nil, err
		}
		results = append(results, r)
		if !l.asJSON {
			table.row(&r)
		}
	}
	return results, nil
}

// cells is what the flags ask for.
func (l *lossRun) cells() ([]matrix.Cell, error) {
	axes := matrix.All()
	if l.real {
		axes = matrix.Budgeted()
	}
	err := l.narrow(&axes)
	if err != nil {
		return nil, err
	}
	cells := axes.Cells()
	if l.echo == "" && !l.real {
		cells = withEchoBudgets(cells)
	}
	if cells, err = l.resumed(cells); err != nil {
		return nil, err
	}
	for i := range cells {
		c := &cells[i]
		c.Configured = l.configured
		c.N = l.handshakes(c)
	}
	return cells, nil
}

// resumed has each cell once for each form of resumption that the flags name. A resumption proves
// the address by itself: of those there is none where Echo is demanded.
func (l *lossRun) resumed(cells []matrix.Cell) ([]matrix.Cell, error) {
	forms := []matrix.Resume{matrix.Full}
	if err := list("resume", l.resume, &forms, parseResume); err != nil {
		return nil, err
	}
	var all []matrix.Cell
	for _, form := range forms {
		if l.real && form != matrix.Full {
			return nil, cli.Usagef("-resume: not with -real")
		}
		for _, c := range cells {
			if c.Resume = form; form == matrix.Full || !c.Echo {
				all = append(all, c)
			}
		}
	}
	return all, nil
}

func (l *lossRun) handshakes(c *matrix.Cell) int {
	switch {
	case l.n > 0:
		return l.n
	case l.real:
		return handshakesReal
	case c.RTT == matrix.BudgetRTT && c.MTU == matrix.BudgetMTU:
		return handshakesBudget
	}
	return handshakesElse
}

// withEchoBudgets adds the cells in which Echo is demanded where there is a budget.
func withEchoBudgets(cells []matrix.Cell) []matrix.Cell {
	all := slices.Clone(cells)
	for _, c := range cells {
		c.Echo = true
		if _, ok := c.Budget(); ok {
			all = append(all, c)
		}
	}
	return all
}

// narrow replaces the axes that the flags name.
func (l *lossRun) narrow(axes *matrix.Axes) error {
	if l.n < 0 {
		return cli.Usagef("-n: want 1 or more")
	}
	for _, err := range []error{
		list("suite", l.suite, &axes.Suites, parseSuite),
		list("loss", l.loss, &axes.Losses, parseLoss),
		list("rtt", l.rtt, &axes.RTTs, parseRTT),
		list("mtu", l.mtu, &axes.MTUs, parseMTU),
		list("echo", l.echo, &axes.Echo, parseEcho),
	} {
		if err != nil {
			return err
		}
	}
	return nil
}

// list parses what stands between commas, if there is anything.
func list[T any](name, value string, to *[]T, parse func(string) (T, bool)) error {
	if value == "" {
		return nil
	}
	*to = nil
	for word := range strings.SplitSeq(value, ",") {
		v, ok := parse(strings.TrimSpace(word))
		if !ok {
			return cli.Usagef("-%s: %q does not belong there", name, word)
		}
		*to = append(*to, v)
	}
	return nil
}

func parseSuite(s string) (handshake.Suite, bool) {
	n, err := strconv.ParseUint(s, 10, 8)
	suite := handshake.Suite(n)
	return suite, err == nil && suite.Valid()
}

func parseLoss(s string) (float64, bool) {
	percent, err := strconv.ParseFloat(s, 64)
	return percent / 100, err == nil && percent >= 0 && percent <= 100
}

func parseRTT(s string) (time.Duration, bool) {
	n, err := strconv.ParseUint(s, 10, 16)
	return time.Duration(n) * time.Millisecond, err == nil
}

func parseMTU(s string) (int, bool) {
	n, err := strconv.ParseUint(s, 10, 16)
	return int(n), err == nil && n > matrix.Headers
}

func parseResume(s string) (matrix.Resume, bool) {
	form, ok := map[string]matrix.Resume{"no": matrix.Full, "small": matrix.Small, "secret": matrix.ForwardSecret}[s]
	return form, ok
}

func parseEcho(s string) (demanded, ok bool) { return s == "yes", s == "yes" || s == "no" }

// draw draws the results that share suite, round trip and MTU with the budgets, or with the
// first result.
func (l *lossRun) draw(results []matrix.Result) error {
	same := func(want matrix.Cell) func(matrix.Result) bool {
		return func(r matrix.Result) bool {
			return r.Cell.Suite == want.Suite && r.Cell.RTT == want.RTT && r.Cell.MTU == want.MTU
		}
	}
	chosen := same(matrix.Cell{Suite: matrix.BudgetSuite, RTT: matrix.BudgetRTT, MTU: matrix.BudgetMTU})
	if !slices.ContainsFunc(results, chosen) {
		chosen = same(results[0].Cell)
	}
	results = slices.DeleteFunc(slices.Clone(results), func(r matrix.Result) bool { return !chosen(r) })
	title := results[0].Cell
	title.Echo = false
	where := "simulated"
	if l.real {
		where = "real sockets"
	}
	return matrix.Draw(l.plot, fmt.Sprintf("%s, %s", title.Group(), where), results)
}
