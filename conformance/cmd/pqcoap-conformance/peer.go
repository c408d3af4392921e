package main

import (
	"context"
	"flag"
	"os"

	"github.com/pqcoap/pqcoap/conformance/rig"
	"github.com/pqcoap/pqcoap/internal/cli"
)

// peerCommand is what the measurements start beside themselves.
var peerCommand = cli.Command{
	Name:  "peer",
	Short: "be the server of a measurement",
	Long: `Bench, idle and flood start this beside themselves. It takes a configuration and questions
from the standard input, as JSON, and answers on the standard output.`,
	Examples: `pqcoap-conformance bench`,
	Setup: func(*flag.FlagSet) cli.Action {
		return func(ctx context.Context, std cli.Streams, args []string) error {
			if len(args) != 0 {
				return cli.Usagef("peer takes no arguments")
			}
			return rig.Serve(ctx, std.In, std.Out)
		}
	},
}

// peers are processes of this program.
func peers() (rig.Place, error) {
	self, err := os.Executable()
	return rig.Process(self, peerCommand.Name), err
}
