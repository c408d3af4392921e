package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"time"

	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/internal/cli"
	"github.com/pqcoap/pqcoap/server"
	"github.com/pqcoap/pqcoap/server/audit"
	"github.com/pqcoap/pqcoap/server/control"
	"github.com/pqcoap/pqcoap/server/registry"
)

func rotateKeyCommand() cli.Command {
	return cli.Command{
		Name:  "rotate-key",
		Args:  "-dir DIR [-suite N] [-status | -finish [-force]]",
		Short: "put another key in the place of the server's",
		Long: `Rotate-key makes a new key of a suite. A server that runs takes it within a second. From then
on both keys are good; a device that comes by the old one is told of the new one in its session,
and pins that. Devices of an authority learn it by themselves.

-status tells how many devices know the new key, have gone by the old one only, and were never
seen, and names those that do not know it. A device learns it when it next does a handshake or
resumes; one that goes on with its session does so after fresh_after of its file, 7 days.

-finish drops the old key, and with it every ticket and every m1 that goes by it: a
device that has not learnt the new one does not get in any more, and has to be enrolled anew. It
is refused while there are such devices, unless -force is there: for a key that was stolen.`,
		Examples: `
			pqcoap-server rotate-key -dir /var/lib/pqcoap -suite 1
			pqcoap-server rotate-key -dir /var/lib/pqcoap -suite 1 -status
			pqcoap-server rotate-key -dir /var/lib/pqcoap -suite 1 -finish`,
		Setup: func(fs *flag.FlagSet) cli.Action {
			r := &rotation{folder: folderFlags(fs), suite: suiteFlag(handshake.XWing)}
			fs.Var(&r.suite, "suite", suiteUsage)
			fs.BoolVar(&r.status, "status", false, "tell which devices know the new key")
			fs.BoolVar(&r.finish, "finish", false, "drop the old key")
			fs.BoolVar(&r.force, "force", false, "also where devices have not learnt the new one")
			return r.run
		},
	}
}

// A rotation is what rotate-key is asked for.
type rotation struct {
	folder                *folder
	suite                 suiteFlag
	status, finish, force bool
}

var errNotLearnt = errors.New("devices do not know the new key yet, and would not get in: wait for them, or use -force")

func (r *rotation) run(_ context.Context, std cli.Streams, args []string) error {
	if err := noArguments(*r.folder.dir, args); err != nil {
		return err
	}
	switch suite := handshake.Suite(r.suite); {
	case r.status && r.finish, r.force && !r.finish:
		return cli.Usagef("want -status, or -finish, which -force goes with")
	case r.status, r.finish:
		return r.end(std, suite)
	default:
		fresh, err := server.RotateKey(*r.folder.dir, suite, r.folder.ask)
		if err != nil {
			return err
		}
		fmt.Fprintf(std.Out, "suite        %s\nfingerprint  %x\n", suiteText(suite), fresh.ServerCredential().Fingerprint())
		return r.note("server key made", fresh.ServerCredential())
	}
}

// note writes a line in the audit log, since no server may run that would.
func (r *rotation) note(what string, key *handshake.ServerCredential) error {
	t, err := trailOf(*r.folder.dir)
	if err != nil {
		return err
	}
	kid := key.KeyID()
	return t.note(func(l *audit.Log, now time.Time) error { return l.Rotated(now, what, kid[:]) })
}

// end tells how far a rotation is, and ends it where that is asked for.
func (r *rotation) end(std cli.Streams, suite handshake.Suite) error {
	dir, err := r.folder.open()
	if err != nil {
		return err
	}
	if !dir.Rotating(suite) {
		return fmt.Errorf("%w: suite %s", server.ErrNotRotating, suiteText(suite))
	}
	var n learning
	current := dir.Key(suite).ServerCredential().KeyID()
	if err := withDevices(dir.Path, func(devices control.Devices) error { return n.count(devices, suite, current) }); err != nil {
		return err
	}
	fmt.Fprintf(std.Out, "know the new key  %d\nonly the old one  %d\nnever seen        %d\n", n.know, n.old, n.unseen)
	if !r.finish {
		for _, name := range n.without {
			fmt.Fprintf(std.Out, "lacks it          %s\n", name)
		}
		return nil
	}
	if n.old+n.unseen > 0 && !r.force {
		return errNotLearnt
	}
	retired, err := server.FinishRotation(*r.folder.dir, suite, r.folder.ask)
	if err != nil {
		return err
	}
	fmt.Fprintf(std.Out, "dropped           %x\n", retired.Fingerprint())
	return r.note("server key dropped", retired)
}

// learning counts devices by what they know of a rotation.
type learning struct {
	know, old, unseen int
	without           []string // the names of old and unseen
}

// count looks at the devices of the suite that may come. Those that have a credential trust the
// authority, and fetch the server's new one themselves.
func (n *learning) count(devices control.Devices, suite handshake.Suite, current [8]byte) error {
	for d, err := range devices.All() {
		switch {
		case err != nil:
			return err
		case d.Suite != suite || d.Enrolling || d.State == registry.Revoked,
			d.Origin == registry.Authority && d.Expires.Before(time.Now()):
		case d.ServerKey == current, d.Origin == registry.Authority, !d.Expires.IsZero():
			n.know++
		case d.State == registry.Enrolled:
			n.unseen++
			n.without = append(n.without, d.Name)
		default:
			n.old++
			n.without = append(n.without, d.Name)
		}
	}
	return nil
}
