package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"

	"github.com/pqcoap/pqcoap/coap"
	"github.com/pqcoap/pqcoap/internal/cli"
)

func observeCommand() cli.Command {
	return cli.Command{
		Name:  "observe",
		Args:  "-c FILE [-server ADDR] [-n N] [-json] [-timeout TIME] PATH",
		Short: "print a resource whenever it changes",
		Long: `Observe prints the resource at PATH, which may have a query, and again when the server
says that it has changed. While the server is away it waits, and asks again. It ends after -n
states, on SIGINT or SIGTERM, when the server says that there will be no more, and when that
answers with an error (exit code 4). Each state ends with a new line; CBOR is shown as JSON on a
terminal and with -json, which writes one object a line.`,
		Examples: `
			pqcoap-node observe -c sensor-1.toml '/time?every=10'
			pqcoap-node observe -c sensor-1.toml -json -n 3 '/telemetry?last=1'`,
		Setup: observeSetup,
	}
}

func observeSetup(fs *flag.FlagSet) cli.Action {
	var t target
	t.define(fs, requestTimeout, "on the first state")
	n := fs.Int("n", 0, "end after `N` states; 0: never")
	asJSON := fs.Bool("json", false, "print JSON objects: code, content_format, bytes, payload")
	return func(ctx context.Context, std cli.Streams, args []string) error {
		switch {
		case len(args) != 1:
			return cli.Usagef("want one PATH, have %d arguments", len(args))
		case *n < 0:
			return cli.Usagef("-n: want 0 or more")
		}
		w, closeAll, err := t.observe(ctx, std, args[0])
		if err != nil {
			return err
		}
		defer closeAll()
		return showStates(ctx, std.Out, w, *n, *asJSON)
	}
}

// observe opens a session and registers in it.
func (t *target) observe(ctx context.Context, std cli.Streams, path string) (coap.Watch, func(), error) {
	cfg, err := t.config()
	if err != nil {
		return nil, nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, t.timeout)
	defer cancel()
	conn, err := t.dial(ctx, std, cfg)
	if err != nil {
		return nil, nil, err
	}
	w, err := conn.Watch(ctx, path)
	if err != nil {
		conn.Close()
		return nil, nil, fmt.Errorf("%s: %w", path, t.explain(err))
	}
	return w, func() {
		w.Cancel()
		hangUp(conn, cfg, std.Log)
	}, nil
}

// showStates writes n states, or all that come.
func showStates(ctx context.Context, out io.Writer, w coap.Watch, n int, asJSON bool) error {
	for seen := 0; n == 0 || seen < n; seen++ {
		m, err := w.Next(ctx)
		switch {
		case ctx.Err() != nil: // a signal is how it is meant to end
			return nil
		case errors.Is(err, coap.ErrObservationEnded):
			return fmt.Errorf("the server does not notify any more: %d states seen", seen)
		case err != nil:
			return cli.Exit(codeNoSession, err)
		}
		if err := show(out, m, asJSON); err != nil {
			return err
		}
		if !asJSON && !(isTerminal(out) && len(m.Payload) > 0) { // show has ended the line there
			if _, err := io.WriteString(out, "\n"); err != nil {
				return err
			}
		}
	}
	return nil
}
