package main

import (
	"context"
	"flag"
	"fmt"

	"github.com/pqcoap/pqcoap/internal/cli"
	"github.com/pqcoap/pqcoap/internal/passphrase"
	"github.com/pqcoap/pqcoap/node"
)

func passphraseCommand() cli.Command {
	return cli.Command{
		Name:  "passphrase",
		Args:  "-c FILE [-remove] [-passphrase-fd N] [-new-passphrase-fd N]",
		Short: "seal the device's key under a passphrase",
		Long: `Passphrase seals the private key in the device's file under a passphrase, or under another
one, or, with -remove, leaves it as it is without. The rest of the file stays as it is. The old
file stays until the new one is on the disk; what the disk held before may be read from it for a
while.

The other commands then ask for the passphrase on the terminal, or take it from systemd
(LoadCredential=pqcoap-passphrase:FILE) or by -passphrase-fd. It takes 19 MiB of memory for a moment.`,
		Examples: `
			pqcoap-node passphrase -c sensor-1.toml
			pqcoap-node passphrase -c sensor-1.toml -remove`,
		Setup: func(flags *flag.FlagSet) cli.Action {
			file := flags.String("c", "", "`FILE` of the device")
			remove := flags.Bool("remove", false, "leave the key without a passphrase")
			var p passphrase.Flag
			p.Define(flags)
			p.DefineNew(flags)
			return func(_ context.Context, std cli.Streams, args []string) error {
				if err := oneFile(*file, args); err != nil {
					return err
				}
				return change(std, *file, &p, *remove)
			}
		},
	}
}

// change asks for the passphrase in use, then for the new one.
func change(std cli.Streams, file string, p *passphrase.Flag, remove bool) error {
	const of = "of the device's key"
	sealed, err := node.Sealed(file)
	switch {
	case err != nil:
		return err
	case remove && !sealed:
		return fmt.Errorf("%s: the key has no passphrase", file)
	}
	var current, fresh []byte
	if sealed {
		if current, err = p.Ask(of); err != nil {
			return err
		}
		defer clear(current)
	}
	if !remove {
		if fresh, err = p.New(of); err != nil {
			return err
		}
		defer clear(fresh)
	}
	if err := node.SetPassphrase(file, func() ([]byte, error) { return current, nil }, fresh); err != nil {
		return err
	}
	if remove {
		fmt.Fprintln(std.Out, "the key has no passphrase now")
	} else {
		fmt.Fprintln(std.Out, "the key is sealed under the new passphrase")
	}
	return nil
}
