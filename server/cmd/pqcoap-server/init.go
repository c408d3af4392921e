package main

import (
	"context"
	"flag"
	"fmt"

	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/internal/cli"
	"github.com/pqcoap/pqcoap/server"
)

func initCommand() cli.Command {
	return cli.Command{
		Name:  "init",
		Args:  "-dir DIR [-suite N] [-passphrase] [-passphrase-fd N]",
		Short: "make a server's folder and its key",
		Long: `Init makes a server's folder: its long-term key, secrets, the key of resumption tickets,
and server.toml with its settings. In a folder that exists it adds a key of another suite. Devices pin the key or
its fingerprint, so keep the folder safe, and a copy of it.

With -passphrase the key is sealed under one, which is asked for twice, or comes from systemd
(LoadCredential=pqcoap-passphrase:FILE) or by -passphrase-fd. The server then needs it at each
start. 'pqcoap-server passphrase' changes that later.`,
		Examples: `
			pqcoap-server init -dir /var/lib/pqcoap
			pqcoap-server init -dir /var/lib/pqcoap -suite 3
			pqcoap-server init -dir /var/lib/pqcoap -passphrase`,
		Setup: func(fs *flag.FlagSet) cli.Action {
			flags := folderFlags(fs)
			suite := suiteFlag(handshake.XWing)
			fs.Var(&suite, "suite", suiteUsage)
			seal := fs.Bool("passphrase", false, "seal the key under a passphrase")
			return func(_ context.Context, std cli.Streams, args []string) error {
				if err := noArguments(*flags.dir, args); err != nil {
					return err
				}
				text, err := flags.forNewKey(*seal)
				if err != nil {
					return err
				}
				defer clear(text)
				key, err := server.InitDirSealed(*flags.dir, handshake.Suite(suite), text)
				if err != nil {
					return err
				}
				fmt.Fprintf(std.Out, "folder       %s\nsuite        %s\nfingerprint  %x\n",
					*flags.dir, suiteText(key.Suite()), key.ServerCredential().Fingerprint())
				return nil
			}
		},
	}
}

// forNewKey is the passphrase that a new key is to be sealed under: that of the others where they
// are sealed, a new one where that is wanted, or none.
func (f *folder) forNewKey(seal bool) ([]byte, error) {
	sealed, err := server.Sealed(*f.dir)
	switch {
	case err != nil:
		return nil, err
	case sealed:
		return f.ask()
	case seal:
		return f.passphrase.Init("of the server's keys")
	}
	return nil, nil
}
