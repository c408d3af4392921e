package main

import (
	"context"
	"flag"
	"fmt"

	"github.com/pqcoap/pqcoap/internal/cli"
	"github.com/pqcoap/pqcoap/server"
)

func checkCommand() cli.Command {
	return cli.Command{
		Name:  "check",
		Args:  "-dir DIR [-passphrase-fd N]",
		Short: "say what is wrong in a folder",
		Long: `Check reads all that run would read: server.toml, the keys, secrets, tickets and devices, and
who else may read them. It prints a line for each problem, with the file, its line, and what would
be right, and exits with 1; "ok" where there is none. It changes nothing, and a server may run
meanwhile.`,
		Examples: `
			pqcoap-server check -dir /var/lib/pqcoap`,
		Setup: func(fs *flag.FlagSet) cli.Action {
			flags := folderFlags(fs)
			return func(ctx context.Context, std cli.Streams, args []string) error {
				if err := noArguments(*flags.dir, args); err != nil {
					return err
				}
				found := server.Check(ctx, *flags.dir, flags.ask)
				if len(found) == 0 {
					fmt.Fprintln(std.Out, "ok")
					return nil
				}
				for _, problem := range found {
					fmt.Fprintln(std.Out, problem)
				}
				return fmt.Errorf("problems: %d", len(found))
			}
		},
	}
}
