package main

import (
	"context"
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"time"

	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/handshake/cwt"
	"github.com/pqcoap/pqcoap/internal/cli"
	"github.com/pqcoap/pqcoap/server"
	"github.com/pqcoap/pqcoap/server/authority"
)

func caCommand() cli.Command {
	return cli.Command{
		Name:  "ca",
		Args:  "ACTION -dir DIR [FILE | KEY] [FLAGS]",
		Short: "keep an authority that vouches for devices and servers",
		Long: `An authority signs credentials (CWTs, by ML-DSA): devices that trust it need no server's key,
and servers that trust it let in every device that it vouches for. Whoever has its private key,
authority.key, can be any of them. It lies in the folder of a server, which then renews its own
credential and issues those of devices; or in a folder of its own, off line.

ca init makes an authority, named by -issuer; -alg 44 makes credentials 0.9 kB smaller.
ca show prints the authorities of the folder.

ca export writes the public key, for ca trust and for devices' files. ca trust FILE lets in the
devices of the authority that FILE is of; ca distrust KEY ends that, by the key that ca show prints.

ca issue FILE signs a credential of -name for the public key in FILE: a device's, or with -server a
server's, which ca request has written there. ca install FILE gives it to that server.

A server that runs takes all of it within a second.`,
		Examples: `
			pqcoap-server ca init -dir /var/lib/pqcoap -issuer example-fleet
			pqcoap-server ca export -dir /var/lib/pqcoap -out fleet.pub
			pqcoap-server ca trust -dir /var/lib/pqcoap other.pub
			pqcoap-server ca issue -dir ca -name sensor-1 -out a.cwt sensor-1.public
			pqcoap-server ca issue -dir ca -server -name gateway -out b.cwt gateway.public
			pqcoap-server ca install -dir /var/lib/pqcoap b.cwt`,
		Setup: func(fs *flag.FlagSet) cli.Action {
			a := &caAction{folder: folderFlags(fs), suite: suiteFlag(handshake.XWing)}
			a.define(fs)
			return a.run
		},
	}
}

// A caAction is what ca is asked for.
type caAction struct {
	folder *folder
	issuer string
	alg    int
	seal   bool
	server bool
	name   string
	hours  int
	suite  suiteFlag
	out    string
}

func (a *caAction) define(fs *flag.FlagSet) {
	fs.StringVar(&a.issuer, "issuer", "", "`NAME` of the authority, of letters, digits, \"-\", \"_\", \".\" and \":\"")
	fs.IntVar(&a.alg, "alg", 65, "signatures by ML-DSA-`N`: 65 or 44")
	fs.BoolVar(&a.seal, "passphrase", false, "seal the private key under a passphrase")
	fs.BoolVar(&a.server, "server", false, "the credential is a server's")
	fs.StringVar(&a.name, "name", "", "`NAME` of the device or server")
	fs.IntVar(&a.hours, "lifetime", 2160, "`HOURS` for which the credential is good")
	fs.Var(&a.suite, "suite", suiteUsage)
	fs.StringVar(&a.out, "out", "-", "`FILE` to write, - for the standard output")
}

// run does what the first argument says.
func (a *caAction) run(_ context.Context, std cli.Streams, args []string) error {
	actions := map[string]struct {
		do   func(std cli.Streams, file string) error
		file bool // wants one
	}{
		"init": {a.init, false}, "show": {a.show, false}, "export": {a.export, false}, "request": {a.request, false},
		"trust": {a.trust, true}, "distrust": {a.distrust, true}, "issue": {a.issue, true}, "install": {a.install, true},
	}
	if len(args) == 0 {
		return cli.Usagef("want an ACTION: init, show, export, trust, distrust, request, issue or install")
	}
	action, ok := actions[args[0]]
	switch {
	case !ok:
		return cli.Usagef("there is no action %q: want init, show, export, trust, distrust, request, issue or install", args[0])
	case *a.folder.dir == "":
		return cli.Usagef("-dir DIR is missing")
	case action.file && len(args) != 2:
		return cli.Usagef("want one FILE behind %s, have %d arguments", args[0], len(args)-1)
	case !action.file && len(args) != 1:
		return cli.Usagef("want no arguments behind %s, have %d", args[0], len(args)-1)
	}
	return action.do(std, args[len(args)-1])
}

func (a *caAction) init(std cli.Streams, _ string) error {
	alg, ok := map[int]cwt.Algorithm{44: cwt.MLDSA44, 65: cwt.MLDSA65}[a.alg]
	switch {
	case !ok:
		return cli.Usagef("-alg: want 65 or 44")
	case !authority.ValidIssuer(a.issuer):
		return cli.Usagef("-issuer: want 1 to 64 letters, digits, \"-\", \"_\", \".\" and \":\"")
	}
	text, err := a.folder.forNewKey(a.seal)
	if err != nil {
		return err
	}
	defer clear(text)
	ca, err := server.InitCA(*a.folder.dir, alg, a.issuer, text)
	if err != nil {
		return err
	}
	printTrust(std, ca.Own, "own")
	return nil
}

func (a *caAction) open() (*server.CA, error) { return server.OpenCA(*a.folder.dir, a.folder.ask) }

// printTrust prints an authority in one line.
func printTrust(std cli.Streams, t *authority.Trust, what string) {
	fmt.Fprintf(std.Out, "%-8s  %s  %-9s  %s\n", what, t.Key, t.Key.Algorithm(), t.Issuer)
}

func (a *caAction) show(std cli.Streams, _ string) error {
	ca, err := a.open()
	if err != nil {
		return err
	}
	if len(ca.Trusted.Trusts()) == 0 {
		return fmt.Errorf("%s: no authority in it: pqcoap-server ca init makes one, ca trust takes another's", *a.folder.dir)
	}
	for _, t := range ca.Trusted.Trusts() {
		what := "trusted"
		switch {
		case t == ca.Own && ca.Issuer != nil:
			what = "own"
		case t == ca.Own:
			what = "off line"
		}
		printTrust(std, t, what)
	}
	return nil
}

func (a *caAction) export(std cli.Streams, _ string) error {
	ca, err := a.open()
	if err != nil {
		return err
	}
	if ca.Own == nil {
		return fmt.Errorf("%s: no authority of its own in it: pqcoap-server ca init makes one", *a.folder.dir)
	}
	return a.write(std, ca.Own.Append(nil))
}

func (a *caAction) trust(std cli.Streams, file string) error {
	b, err := readSmall(file)
	if err != nil {
		return err
	}
	t, err := authority.ParseTrust(b)
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	if err := server.TrustAuthority(*a.folder.dir, t); err != nil {
		return err
	}
	printTrust(std, t, "trusted")
	return nil
}

func (a *caAction) distrust(std cli.Streams, key string) error {
	b, err := hex.DecodeString(key)
	if err != nil || len(b) != 8 {
		return cli.Usagef("distrust: want the 16 hex digits of a key that ca show prints")
	}
	if err := server.DistrustAuthority(*a.folder.dir, [8]byte(b)); err != nil {
		return err
	}
	fmt.Fprintf(std.Out, "%s is not trusted any more\n", key)
	return nil
}

func (a *caAction) lifetime() time.Duration { return time.Duration(a.hours) * time.Hour }

// write writes a file that is no secret.
func (a *caAction) write(std cli.Streams, b []byte) error {
	if a.out == "-" {
		_, err := std.Out.Write(b)
		return err
	}
	return os.WriteFile(a.out, b, 0o644)
}
