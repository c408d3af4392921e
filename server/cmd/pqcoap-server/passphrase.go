package main

import (
	"context"
	"flag"
	"fmt"

	"github.com/pqcoap/pqcoap/internal/cli"
	"github.com/pqcoap/pqcoap/server"
)

func passphraseCommand() cli.Command {
	return cli.Command{
		Name:  "passphrase",
		Args:  "-dir DIR [-remove] [-passphrase-fd N] [-new-passphrase-fd N]",
		Short: "seal the server's keys under a passphrase",
		Long: `Passphrase seals all private keys of the folder under a passphrase, or under another one,
or, with -remove, leaves them as they are without. Each file is replaced whole: the old one
stays until the new one is on the disk. Interrupted, it is run again with the same passphrases.

A server needs it at each start: it asks on the terminal, or takes it from systemd
(LoadCredential=pqcoap-passphrase:FILE) or by -passphrase-fd. Nobody can get at the keys
without it: keep a copy. What the disk held before may be read from it for a while.`,
		Examples: `
			pqcoap-server passphrase -dir /var/lib/pqcoap
			pqcoap-server passphrase -dir /var/lib/pqcoap -remove
			pqcoap-server passphrase -dir /var/lib/pqcoap -new-passphrase-fd 3 3<FILE`,
		Setup: func(fs *flag.FlagSet) cli.Action {
			flags := folderFlags(fs)
			flags.passphrase.DefineNew(fs)
			remove := fs.Bool("remove", false, "leave the keys without a passphrase")
			return func(_ context.Context, std cli.Streams, args []string) error {
				if err := noArguments(*flags.dir, args); err != nil {
					return err
				}
				return flags.change(std, *remove)
			}
		},
	}
}

// change asks for the passphrase in use, then for the new one.
func (f *folder) change(std cli.Streams, remove bool) error {
	sealed, err := server.Sealed(*f.dir)
	switch {
	case err != nil:
		return err
	case remove && !sealed:
		return fmt.Errorf("%s: the keys have no passphrase", *f.dir)
	}
	var current, fresh []byte
	if sealed {
		if current, err = f.ask(); err != nil {
			return err
		}
	}
	if !remove {
		if fresh, err = f.passphrase.New("of the server's keys"); err != nil {
			clear(current)
			return err
		}
		defer clear(fresh)
	}
	n, err := server.SetPassphrase(*f.dir, func() ([]byte, error) { return current, nil }, fresh)
	if err != nil {
		return err
	}
	state := "sealed under the new passphrase"
	if remove {
		state = "without a passphrase"
	}
	fmt.Fprintf(std.Out, "keys %s: %d\n", state, n)
	return nil
}
