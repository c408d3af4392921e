package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/plgd-dev/go-coap/v3/message"

	"github.com/pqcoap/pqcoap/coap"
	"github.com/pqcoap/pqcoap/internal/cli"
	"github.com/pqcoap/pqcoap/node"
)

// requestTimeout covers handshake and answer.
const requestTimeout = 60 * time.Second

const outputHelp = `The body of the answer goes to the standard output as it came, or to the
file that -o names; CBOR is shown as JSON on a terminal and with -json. An answer 4.xx or 5.xx is
an error, exit code 4. Bodies of files and to files may be larger than memory: give them time by
-timeout.`

func getCommand() cli.Command {
	return cli.Command{
		Name:  "get",
		Args:  "-c FILE [-server ADDR] [-json | -o FILE] [-timeout TIME] PATH",
		Short: "fetch a resource",
		Long:  "Get fetches the resource at PATH, which may have a query.\n" + outputHelp,
		Examples: `
			pqcoap-node get -c sensor-1.toml /.well-known/core
			pqcoap-node get -c sensor-1.toml -json '/telemetry?last=3'
			pqcoap-node get -c sensor-1.toml -o firmware.bin -timeout 30m /firmware`,
		Setup: requestSetup(coap.GET, nil),
	}
}

func postCommand() cli.Command {
	return bodyCommand(coap.POST, cli.Command{
		Name:  "post",
		Short: "send a body to a resource",
		Long:  "Post sends a body, from -d, -f or the standard input, to the resource at PATH.\n",
		Examples: `
			pqcoap-node post -c sensor-1.toml -d hello /echo
			pqcoap-node post -c sensor-1.toml -f pack.json -format 110 /telemetry`,
	})
}

func putCommand() cli.Command {
	return bodyCommand(coap.PUT, cli.Command{
		Name:  "put",
		Short: "create or replace a resource",
		Long: "Put makes the body, from -d, -f or the standard input, the resource at PATH. The\n" +
			"server's built-in application has nothing to put; others may.\n",
		Examples: `pqcoap-node put -c sensor-1.toml -f settings.json -format 50 /settings`,
	})
}

func fetchCommand() cli.Command {
	return bodyCommand(coap.FETCH, cli.Command{
		Name:  "fetch",
		Short: "fetch a part of a resource",
		Long: "Fetch sends a body, from -d, -f or the standard input, which says what of the\n" +
			"resource at PATH is wanted. The server's built-in application has no use for it.\n",
		Examples: `pqcoap-node fetch -c sensor-1.toml -d '["limit"]' -format 50 /settings`,
	})
}

func patchCommand() cli.Command {
	return bodyCommand(coap.PATCH, cli.Command{
		Name:  "patch",
		Short: "change a part of a resource",
		Long: "Patch sends a body, from -d, -f or the standard input, which says what of the\n" +
			"resource at PATH is to change. The server's built-in application has no use for it.\n",
		Examples: `pqcoap-node patch -c sensor-1.toml -d '{"limit":3}' -format 52 /settings`,
	})
}

func ipatchCommand() cli.Command {
	return bodyCommand(coap.IPATCH, cli.Command{
		Name:     "ipatch",
		Short:    "patch in a way that may be repeated",
		Long:     "Ipatch is patch with a body that has the same effect when it is applied twice.\n",
		Examples: `pqcoap-node ipatch -c sensor-1.toml -d '{"limit":3}' -format 52 /settings`,
	})
}

// bodyCommand completes a command whose request has a body.
func bodyCommand(code coap.Code, c cli.Command) cli.Command {
	c.Args = "-c FILE [-server ADDR] [-d TEXT | -f FILE] [-format N] [-json | -o FILE] PATH"
	c.Long += outputHelp
	c.Setup = requestSetup(code, new(body))
	return c
}

func deleteCommand() cli.Command {
	return cli.Command{
		Name:  "delete",
		Args:  "-c FILE [-server ADDR] [-json | -o FILE] [-timeout TIME] PATH",
		Short: "remove a resource",
		Long: "Delete removes the resource at PATH. The server's built-in application has nothing\n" +
			"to delete; others may.\n" + outputHelp,
		Examples: `pqcoap-node delete -c sensor-1.toml /settings`,
		Setup:    requestSetup(coap.DELETE, nil),
	}
}

// A request is what a command asks, and where the answer goes.
type request struct {
	target
	code   coap.Code
	body   *body // nil: it has none
	asJSON bool
	file   string // for the body of the answer; empty: the standard output
}

// requestSetup defines the flags of a request. b is nil where it has no body.
func requestSetup(code coap.Code, b *body) func(*flag.FlagSet) cli.Action {
	return func(fs *flag.FlagSet) cli.Action {
		r := request{code: code, body: b}
		r.define(fs, requestTimeout, "on handshake and answer together")
		fs.BoolVar(&r.asJSON, "json", false, "print one JSON object: code, content_format, bytes, payload")
		fs.StringVar(&r.file, "o", "", "`FILE` that the body of the answer is written to")
		if b != nil {
			b.define(fs)
		}
		return func(ctx context.Context, std cli.Streams, args []string) error {
			switch {
			case len(args) != 1:
				return cli.Usagef("want one PATH, have %d arguments", len(args))
			case r.asJSON && r.file != "":
				return cli.Usagef("-json and -o: want one of them")
			}
			return r.run(ctx, std, args[0])
		}
	}
}

// run opens a session, makes the request and closes the session, or has it sleep.
func (r *request) run(ctx context.Context, std cli.Streams, path string) error {
	cfg, err := r.config()
	if err != nil {
		return err
	}
	m, err := r.message(path, std.In)
	if err != nil {
		return err
	}
	defer r.body.close()
	ctx, cancel := context.WithTimeout(ctx, r.timeout)
	defer cancel()
	conn, err := r.dial(ctx, std, cfg)
	if err != nil {
		return err
	}
	defer hangUp(conn, cfg, std.Log)
	answer, content, err := conn.Stream(ctx, m, r.body.stream())
	if err != nil {
		return fmt.Errorf("%s: %w", path, r.explain(err))
	}
	defer content.Close()
	if err := r.deliver(std, answer, content); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// message is the request, with its body where that is held.
func (r *request) message(path string, stdin io.Reader) (coap.Message, error) {
	if r.body == nil {
		return node.NewRequest(r.code, path, nil)
	}
	if err := r.body.read(stdin); err != nil {
		return coap.Message{}, err
	}
	m, err := node.NewRequest(r.code, path, &r.body.format)
	m.Payload = r.body.bytes
	return m, err
}

// deliver writes the answer to where it is wanted.
func (r *request) deliver(std cli.Streams, answer coap.Message, content io.Reader) error {
	if r.file != "" && answer.Code>>5 == 2 {
		if err := save(r.file, content); err != nil {
			return r.explain(err)
		}
		return nil
	}
	var err error
	if answer.Payload, err = io.ReadAll(io.LimitReader(content, maxBody+1)); err != nil {
		return r.explain(err)
	}
	if len(answer.Payload) > maxBody {
		return fmt.Errorf("the body of the answer is larger than %d bytes: name a file for it with -o", maxBody)
	}
	return show(std.Out, answer, r.asJSON)
}

// save writes a file, whole or not at all.
func save(name string, content io.Reader) error {
	part, err := os.CreateTemp(filepath.Dir(name), filepath.Base(name)+".part-")
	if err != nil {
		return err
	}
	_, err = io.Copy(part, content)
	if err = errors.Join(err, part.Chmod(0o644), part.Close()); err == nil {
		err = os.Rename(part.Name(), name)
	}
	if err != nil {
		os.Remove(part.Name())
	}
	return err
}

// formatOf is the content format of a message, false if it has none.
func formatOf(m coap.Message) (message.MediaType, bool) {
	f, err := m.Options.ContentFormat()
	return f, err == nil
}
