package main

import (
	"context"
	"flag"
	"fmt"
	"time"

	"github.com/pqcoap/pqcoap/internal/cli"
)

func rotateCommand() cli.Command {
	return cli.Command{
		Name:  "rotate-tickets",
		Args:  "-dir DIR [-forget]",
		Short: "make a new key for resumption tickets",
		Long: `Rotate-tickets adds a key to tickets.cbor of the folder. Running servers that have the
file read it within a second; a minute later the key seals new tickets. Keys before it open
tickets for as long as one may be left (ticket_lifetime in server.toml). A server does
this itself every ticket_rotation hours, unless that is 0.

With -forget the keys before are dropped at once: for when they may have been stolen. No
device can resume then; each does a handshake, once. Sessions that are open go on.`,
		Examples: `
			pqcoap-server rotate-tickets -dir /var/lib/pqcoap
			pqcoap-server rotate-tickets -dir /var/lib/pqcoap -forget`,
		Setup: func(fs *flag.FlagSet) cli.Action {
			flags := folderFlags(fs)
			forget := fs.Bool("forget", false, "drop all keys before")
			return func(_ context.Context, std cli.Streams, args []string) error {
				if err := noArguments(*flags.dir, args); err != nil {
					return err
				}
				folder, err := flags.open()
				if err != nil {
					return err
				}
				if err := folder.RotateTickets(time.Now(), *forget); err != nil {
					return err
				}
				if *forget {
					fmt.Fprintln(std.Out, "new key, in use now; the keys before are gone")
				} else {
					fmt.Fprintln(std.Out, "new key, in use in a minute")
				}
				return nil
			}
		},
	}
}
