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
		Args:  "-dir DIR [-suite N]",
		Short: "make a server's folder and its key",
		Long: `Init makes a server's folder: its long-term key, secrets, the key of resumption tickets,
and server.toml with its settings. In a folder that exists it adds a key of another suite. Devices pin the key or
its fingerprint, so keep the folder safe, and a copy of it.`,
		Examples: `
			pqcoap-server init -dir /var/lib/pqcoap
			pqcoap-server init -dir /var/lib/pqcoap -suite 3`,
		Setup: func(fs *flag.FlagSet) cli.Action {
			dir := dirFlag(fs)
			suite := suiteFlag(handshake.XWing)
			fs.Var(&suite, "suite", suiteUsage)
			return func(_ context.Context, std cli.Streams, args []string) error {
				if err := noArguments(*dir, args); err != nil {
					return err
				}
				key, err := server.InitDir(*dir, handshake.Suite(suite))
				if err != nil {
					return err
				}
				fmt.Fprintf(std.Out, "folder       %s\nsuite        %s\nfingerprint  %x\n",
					*dir, suiteText(key.Suite()), key.ServerCredential().Fingerprint())
				return nil
			}
		},
	}
}
