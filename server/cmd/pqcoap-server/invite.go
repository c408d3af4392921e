package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"rsc.io/qr"

	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/internal/cli"
	"github.com/pqcoap/pqcoap/internal/invite"
	"github.com/pqcoap/pqcoap/server"
	"github.com/pqcoap/pqcoap/server/control"
	"github.com/pqcoap/pqcoap/server/registry"
)

// defaultPort is that of a server whose address has none.
const defaultPort = "5688"

func inviteCommand() cli.Command {
	return cli.Command{
		Name: "invite",
		Args: "-dir DIR NAME [-group GROUP]... [-allow RULE]... [-suite N] [-server ADDR] " +
			"[-lifetime TIME] [-png FILE] [-json]",
		Short: "let a device in that makes its own key",
		Long: `Invite prints an invitation for the device NAME: a code that works once, and a URI with the
code, the server's address and the fingerprint of its key, also as a QR code. On the device
'pqcoap-node init URI' makes a key and hands in its public half; the private one never
leaves the device. Whoever has the invitation first is NAME: give it away as you would a
password. 'pqcoap-server remove' takes it back.`,
		Examples: `
			pqcoap-server invite -dir /var/lib/pqcoap sensor-1 -server 192.0.2.1:5688
			pqcoap-server invite -dir /var/lib/pqcoap sensor-2 -png sensor-2.png`,
		Setup: inviteSetup,
	}
}

// An inviting is what invite is asked for.
type inviting struct {
	registry.Invitation
	server, png string
	asJSON      bool
}

func inviteSetup(fs *flag.FlagSet) cli.Action {
	dir := dirFlag(fs)
	var q inviting
	var p policy
	p.define(fs)
	var suite suiteFlag
	fs.Var(&suite, "suite", suiteUsage+" (default: the first that the server has a key of)")
	fs.StringVar(&q.server, "server", "", "`ADDR` where the device reaches the server, host or host:port "+
		"(default: this machine, at the port of server.toml)")
	fs.DurationVar(&q.Lifetime, "lifetime", registry.InviteLifetime, "`TIME` for which the code is good, up to 720h")
	fs.StringVar(&q.png, "png", "", "also write the QR code to this `FILE`, which is as secret as the code")
	fs.BoolVar(&q.asJSON, "json", false, "print one JSON object instead: name, code, uri, expires")
	return func(_ context.Context, std cli.Streams, args []string) error {
		if err := oneName(*dir, args); err != nil {
			return err
		}
		folder, err := server.OpenDir(*dir)
		if err != nil {
			return err
		}
		q.Name, q.Groups, q.Allow, q.Suite = args[0], p.groups, p.allow, handshake.Suite(suite)
		return q.run(folder, std.Out)
	}
}

func (q *inviting) run(dir *server.Dir, out io.Writer) error {
	key, err := keyOf(dir, q.Suite)
	if err != nil {
		return err
	}
	q.Suite = key.Suite()
	i := invite.Invitation{
		Address: address(q.server, dir.Settings.Listen), Suite: q.Suite,
		Fingerprint: key.ServerCredential().Fingerprint(),
	}
	if _, err := invite.Parse(i.URI()); err != nil { // before anything is kept
		return cli.Usagef("-server: want HOST or HOST:PORT")
	}
	if q.png != "" {
		if _, err := os.Lstat(q.png); err == nil {
			return fmt.Errorf("%s exists: remove it, or give another -png", q.png)
		}
	}
	expires := time.Now().Add(q.Lifetime)
	err = withDevices(dir.Path, func(devices control.Devices) error {
		if i.Code, err = devices.Invite(q.Invitation); err != nil || q.png == "" {
			return err
		}
		if err := writePNG(q.png, i.URI()); err != nil {
			return errors.Join(err, devices.Remove(q.Name))
		}
		return nil
	})
	if err != nil {
		return err
	}
	if q.asJSON {
		return printJSON(out, map[string]string{
			"name": q.Name, "code": i.Code.Text(), "uri": i.URI(), "expires": timeText(expires),
		})
	}
	code, err := qr.Encode(i.URI(), qr.M)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "device  %s\nsuite   %s\ncode    %s\nuntil   %s\nuri     %s\n\n%s",
		q.Name, suiteText(q.Suite), i.Code.Text(), timeText(expires), i.URI(), blocks(code, terminal(out)))
	if q.png != "" {
		fmt.Fprintf(out, "\nfile    %s\n", q.png)
	}
	return nil
}

// address is where a device reaches the server: with a port.
func address(given, listen string) string {
	if given == "" {
		return here(listen)
	}
	if host, port, err := net.SplitHostPort(given); err == nil {
		return net.JoinHostPort(host, port)
	}
	return net.JoinHostPort(given, defaultPort)
}
