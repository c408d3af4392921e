package main

import (
	"context"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/internal/cli"
	"github.com/pqcoap/pqcoap/internal/invite"
	"github.com/pqcoap/pqcoap/node"
)

func initCommand() cli.Command {
	return cli.Command{
		Name:  "init",
		Args:  "CODE [-c FILE] [-name NAME] [-server ADDR -pin FINGERPRINT [-suite N]]",
		Short: "make a device of an invitation, and write its file",
		Long: `Init takes an invitation, as the server's operator has it: the whole of
'coap+pq://...', or the twelve digits and letters of its code alone, typed by hand, with the
server's address in -server and its fingerprint in -pin. It makes the device's key, which never
leaves the device, proves the code to the server, and writes the device's file, mode 0600. From
then on the device knows the server by its key, or by the authority that the server names. Whatever
goes wrong, also a power cut, the same command again goes on: the code stays good for this device
until its time is over. The code is seen by who sees the arguments of programs: with - it is read
from the standard input. Exit code 3 where the server does not answer or does not take the code.`,
		Examples: `
			pqcoap-node init 'coap+pq://192.0.2.1:5688?s=1&fp=...' -c sensor-1.toml
			pqcoap-node init 7K2M-9QXR-4TBC -server 192.0.2.1 -pin 5f0c...
			pqcoap-node init - -c sensor-1.toml <invitation.txt`,
		Setup: initSetup,
	}
}

// An initiation is the flags of init.
type initiation struct {
	file, name, state, server, pin string
	suite                          uint
	timeout                        time.Duration
}

func initSetup(fs *flag.FlagSet) cli.Action {
	var i initiation
	fs.StringVar(&i.file, "c", "", "`FILE` to write, which must not be there yet (default NAME.toml where "+
		"-name is given, else device.toml)")
	fs.StringVar(&i.name, "name", "", "`NAME` that the code has to be for (default: any)")
	fs.StringVar(&i.state, "state", "", "`FILE` that keeps tickets, sessions and what is learnt of the server, "+
		"named from the folder of FILE of -c (default: FILE of -c, ending in .state)")
	fs.StringVar(&i.server, "server", "", "`ADDR` of the server, host or host:port, where CODE is the code alone")
	fs.StringVar(&i.pin, "pin", "", "`FINGERPRINT` of the server's key, where CODE is the code alone: 64 hex "+
		"digits, as 'pqcoap-server fingerprint' prints them")
	fs.UintVar(&i.suite, "suite", uint(handshake.XWing), "`N`, the suite of that key")
	fs.DurationVar(&i.timeout, "timeout", requestTimeout, "`TIME` after which to give up")
	return func(ctx context.Context, std cli.Streams, args []string) error {
		switch {
		case len(args) != 1:
			return cli.Usagef("want one CODE, have %d arguments: does the shell take an & in it? Quote it", len(args))
		case i.timeout <= 0:
			return cli.Usagef("-timeout: want more than 0")
		}
		invitation, err := i.invitation(args[0], std.In)
		if err != nil {
			return err
		}
		return i.run(ctx, std, invitation)
	}
}

// invitation reads either form. The errors do not repeat it.
func (i *initiation) invitation(text string, stdin io.Reader) (*node.Invitation, error) {
	if text == "-" {
		b, err := io.ReadAll(io.LimitReader(stdin, maxInvitation+1))
		if err != nil {
			return nil, err
		}
		if text = strings.TrimSpace(string(b)); len(b) > maxInvitation {
			return nil, cli.Usagef("the invitation is longer than %d bytes", maxInvitation)
		}
	}
	if strings.Contains(text, "://") {
		if i.server != "" || i.pin != "" {
			return nil, cli.Usagef("-server and -pin are for a code alone: the invitation has them")
		}
		inv, err := node.ParseInvitation(text)
		if err != nil {
			return nil, cli.Exit(cli.CodeUsage, err)
		}
		return inv, nil
	}
	code, err := invite.ParseCode(text)
	switch {
	case err != nil:
		return nil, cli.Usagef("%w, or a whole invitation, which begins with %s", err, node.Scheme)
	case i.server == "" || i.pin == "":
		return nil, cli.Usagef("a code alone needs -server ADDR and -pin FINGERPRINT")
	case i.suite > 255 || !handshake.Suite(i.suite).Valid():
		return nil, cli.Usagef("-suite: want 1, 2, 3 or 4")
	}
	inv := &node.Invitation{Address: strings.TrimPrefix(i.server, node.Scheme), Suite: handshake.Suite(i.suite), Code: code}
	pin, err := hex.DecodeString(i.pin)
	if err != nil || len(pin) != len(inv.Fingerprint) {
		return nil, cli.Usagef("-pin: want 64 hex digits, as 'pqcoap-server fingerprint' prints them")
	}
	copy(inv.Fingerprint[:], pin)
	return inv, nil
}

// maxInvitation bounds what is read of the standard input, bytes.
const maxInvitation = 1024

// path is the file to write.
func (i *initiation) path() string {
	switch {
	case i.file != "":
		return i.file
	case i.name != "":
		return i.name + ".toml"
	}
	return "device.toml"
}

// run enrols the device and says what it is now.
func (i *initiation) run(ctx context.Context, std cli.Streams, inv *node.Invitation) error {
	ctx, cancel := context.WithTimeout(ctx, i.timeout)
	defer cancel()
	cfg, err := node.EnrollFile(ctx, i.path(), node.Enrolment{Invitation: inv, Name: i.name, State: i.state, Log: std.Log})
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return cli.Exit(codeNoSession, fmt.Errorf("no answer of %s within %v; is it the right address, and is UDP let through? "+
			"The same command again goes on: %w", inv.Address, i.timeout, err))
	case errors.Is(err, node.ErrConfig), errors.Is(err, node.ErrState), errors.Is(err, node.ErrEnrolled):
		return err
	case err != nil:
		return cli.Exit(codeNoSession, err)
	}
	fmt.Fprintf(std.Out, "%s is the file of device %s, with its private key: keep it here.\n", i.path(), cfg.Name)
	fmt.Fprintf(std.Out, "The server is %s, suite %d (%v), known by its %s.\n", cfg.Server, cfg.Suite, cfg.Suite, knownBy(cfg))
	fmt.Fprintf(std.Out, "Now: pqcoap-node get -c %s /time\n", i.path())
	return nil
}

// knownBy says what the device trusts.
func knownBy(cfg node.Config) string {
	if cfg.Authority != nil {
		return fmt.Sprintf("authority %v (%q) as %q", cfg.Authority, cfg.Issuer, cfg.ServerName)
	}
	return "key"
}
