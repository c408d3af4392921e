package main

import (
	"context"
	"flag"
	"fmt"
	"time"

	"github.com/plgd-dev/go-coap/v3/message"

	"github.com/pqcoap/pqcoap/coap"
	"github.com/pqcoap/pqcoap/internal/cli"
	"github.com/pqcoap/pqcoap/node"
)

// requestTimeout covers handshake and answer.
const requestTimeout = 60 * time.Second

const outputHelp = `The body of the answer goes to the standard output as it came; CBOR is
shown as JSON on a terminal and with -json. An answer 4.xx or 5.xx is an error, exit code 4.`

func getCommand() cli.Command {
	return cli.Command{
		Name:  "get",
		Args:  "-c FILE [-server ADDR] [-json] [-timeout TIME] PATH",
		Short: "fetch a resource",
		Long:  "Get fetches the resource at PATH, which may have a query.\n" + outputHelp,
		Examples: `
			pqcoap-node get -c sensor-1.toml /.well-known/core
			pqcoap-node get -c sensor-1.toml -json '/telemetry?last=3'`,
		Setup: requestSetup(func(ctx context.Context, c *node.Conn, path string, _ *body) (coap.Message, error) {
			return c.Get(ctx, path)
		}, nil),
	}
}

func postCommand() cli.Command {
	return bodyCommand(cli.Command{
		Name:  "post",
		Short: "send a body to a resource",
		Long:  "Post sends a body, from -d, -f or the standard input, to the resource at PATH.\n",
		Examples: `
			pqcoap-node post -c sensor-1.toml -d hello /echo
			pqcoap-node post -c sensor-1.toml -f pack.json -format 110 /telemetry`,
	}, (*node.Conn).Post)
}

func putCommand() cli.Command {
	return bodyCommand(cli.Command{
		Name:  "put",
		Short: "create or replace a resource",
		Long: "Put makes the body, from -d, -f or the standard input, the resource at PATH. The\n" +
			"server's built-in application has nothing to put; others may.\n",
		Examples: `pqcoap-node put -c sensor-1.toml -f settings.json -format 50 /settings`,
	}, (*node.Conn).Put)
}

func fetchCommand() cli.Command {
	return bodyCommand(cli.Command{
		Name:  "fetch",
		Short: "fetch a part of a resource",
		Long: "Fetch sends a body, from -d, -f or the standard input, which says what of the\n" +
			"resource at PATH is wanted. The server's built-in application has no use for it.\n",
		Examples: `pqcoap-node fetch -c sensor-1.toml -d '["limit"]' -format 50 /settings`,
	}, (*node.Conn).Fetch)
}

func patchCommand() cli.Command {
	return bodyCommand(cli.Command{
		Name:  "patch",
		Short: "change a part of a resource",
		Long: "Patch sends a body, from -d, -f or the standard input, which says what of the\n" +
			"resource at PATH is to change. The server's built-in application has no use for it.\n",
		Examples: `pqcoap-node patch -c sensor-1.toml -d '{"limit":3}' -format 52 /settings`,
	}, (*node.Conn).Patch)
}

func ipatchCommand() cli.Command {
	return bodyCommand(cli.Command{
		Name:     "ipatch",
		Short:    "patch in a way that may be repeated",
		Long:     "Ipatch is patch with a body that has the same effect when it is applied twice.\n",
		Examples: `pqcoap-node ipatch -c sensor-1.toml -d '{"limit":3}' -format 52 /settings`,
	}, (*node.Conn).IPatch)
}

// bodyCommand completes a command whose request has a body.
func bodyCommand(c cli.Command, send func(*node.Conn, context.Context, string, message.MediaType, []byte) (coap.Message, error)) cli.Command {
	c.Args = "-c FILE [-server ADDR] [-d TEXT | -f FILE] [-format N] [-json] PATH"
	c.Long += outputHelp
	c.Setup = requestSetup(func(ctx context.Context, conn *node.Conn, path string, b *body) (coap.Message, error) {
		return send(conn, ctx, path, b.format, b.bytes)
	}, new(body))
	return c
}

func deleteCommand() cli.Command {
	return cli.Command{
		Name:  "delete",
		Args:  "-c FILE [-server ADDR] [-json] [-timeout TIME] PATH",
		Short: "remove a resource",
		Long: "Delete removes the resource at PATH. The server's built-in application has nothing\n" +
			"to delete; others may.\n" + outputHelp,
		Examples: `pqcoap-node delete -c sensor-1.toml /settings`,
		Setup: requestSetup(func(ctx context.Context, c *node.Conn, path string, _ *body) (coap.Message, error) {
			return c.Delete(ctx, path)
		}, nil),
	}
}

// An exchange makes one request.
type exchange func(ctx context.Context, c *node.Conn, path string, b *body) (coap.Message, error)

// requestSetup defines the flags of a request. b is nil where it has no body.
func requestSetup(do exchange, b *body) func(*flag.FlagSet) cli.Action {
	return func(fs *flag.FlagSet) cli.Action {
		var t target
		t.define(fs, requestTimeout, "on handshake and answer together")
		asJSON := fs.Bool("json", false, "print one JSON object: code, content_format, bytes, payload")
		if b != nil {
			b.define(fs)
		}
		return func(ctx context.Context, std cli.Streams, args []string) error {
			if len(args) != 1 {
				return cli.Usagef("want one PATH, have %d arguments", len(args))
			}
			answer, err := t.request(ctx, std, args[0], do, b)
			if err != nil {
				return err
			}
			return show(std.Out, answer, *asJSON)
		}
	}
}

// request opens a session, makes one request and closes it, or has it sleep.
func (t *target) request(ctx context.Context, std cli.Streams, path string, do exchange, b *body) (coap.Message, error) {
	cfg, err := t.config()
	if err != nil {
		return coap.Message{}, err
	}
	if b != nil {
		if err := b.read(std.In); err != nil {
			return coap.Message{}, err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, t.timeout)
	defer cancel()
	conn, err := t.dial(ctx, std, cfg)
	if err != nil {
		return coap.Message{}, err
	}
	defer hangUp(conn, cfg, std.Log)
	answer, err := do(ctx, conn, path, b)
	if err != nil {
		return answer, fmt.Errorf("%s: %w", path, t.explain(err))
	}
	return answer, nil
}

// formatOf is the content format of a message, false if it has none.
func formatOf(m coap.Message) (message.MediaType, bool) {
	f, err := m.Options.ContentFormat()
	return f, err == nil
}
