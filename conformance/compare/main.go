// Command compare measures handshakes of pqcoap beside those of other stacks, all through
// the same impairing relay in one run. README.md says what is compared, and how.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"time"
)

// settings are what the flags say.
type settings struct {
	stacks   []stack
	loss     []float64 // share of datagrams, each way
	n        int
	parallel int
	delay    time.Duration
	seed     uint64
	json     bool
	load     *loadSettings // nil: handshakes
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	opts, err := parseFlags(os.Args[1:], os.Stderr)
	switch {
	case err == flag.ErrHelp:
		return
	case err != nil:
		os.Exit(2)
	}
	if err := run(ctx, os.Stdout, opts); err != nil {
		fmt.Fprintln(os.Stderr, "compare:", err)
		os.Exit(1)
	}
}

// parseFlags says on w what is wrong, also where it returns an error.
func parseFlags(args []string, w io.Writer) (settings, error) {
	var o settings
	f := flag.NewFlagSet("compare", flag.ContinueOnError)
	f.SetOutput(w)
	f.Usage = func() {
		fmt.Fprint(w, "usage: compare [flags]\n\nHandshakes of several stacks through a relay with delay and loss, on loopback,\n"+
			"or with -load requests and memory of sessions, without the relay.\n\n")
		f.PrintDefaults()
	}
	names := f.String("stack", strings.Join(stackNames(), ","), "stacks to measure")
	loss := f.String("loss", "0,5,10,20,40", "loss on each direction, percent")
	f.IntVar(&o.n, "n", 100, "handshakes a cell")
	f.DurationVar(&o.delay, "delay", 50*time.Millisecond, "delay on each direction")
	f.IntVar(&o.parallel, "parallel", 20, "handshakes at once")
	f.Uint64Var(&o.seed, "seed", 1, "of what is lost")
	f.BoolVar(&o.json, "json", false, "print JSON")
	load := defineLoad(f)
	if err := f.Parse(args); err != nil {
		return o, err
	}
	err := o.lists(*names, *loss)
	if err == nil {
		o.load, err = load()
	}
	switch {
	case err != nil:
	case f.NArg() > 0:
		err = fmt.Errorf("argument %q: want flags only", f.Arg(0))
	case o.n < 1 || o.parallel < 1 || o.delay < 0:
		err = fmt.Errorf("-n and -parallel: want at least 1; -delay: want no less than 0")
	}
	if err != nil {
		fmt.Fprintln(w, "compare:", err)
	}
	return o, err
}

// lists reads the two flags that are lists.
func (o *settings) lists(names, loss string) error {
	for name := range strings.SplitSeq(names, ",") {
		i := slices.IndexFunc(stacks, func(s stack) bool { return s.name == name })
		if i < 0 {
			return fmt.Errorf("-stack: %q: want some of %s", name, strings.Join(stackNames(), ","))
		}
		o.stacks = append(o.stacks, stacks[i])
	}
	for text := range strings.SplitSeq(loss, ",") {
		percent, err := strconv.ParseFloat(text, 64)
		if err != nil || !(percent >= 0 && percent < 100) {
			return fmt.Errorf("-loss: %q: want percent, from 0 to less than 100", text)
		}
		o.loss = append(o.loss, percent/100)
	}
	return nil
}

// run measures cell after cell. Rows of the table appear as they are done.
func run(ctx context.Context, w io.Writer, o settings) error {
	if o.load != nil {
		return runLoad(ctx, w, o)
	}
	r := newReport(o)
	if !o.json {
		r.writeHead(w)
	}
	for _, loss := range o.loss {
		for _, s := range o.stacks {
			c, err := measureCell(ctx, s, loss, o)
			if err != nil {
				return fmt.Errorf("%s at %g %%: %w", s.name, loss*100, err)
			}
			r.Cells = append(r.Cells, c)
			if !o.json {
				c.writeRow(w)
			}
		}
	}
	if o.json {
		return r.writeJSON(w)
	}
	return nil
}
