// Command pqcoap-conformance makes the test vectors of pqcoap, and measures.
package main

import (
	"os"

	"github.com/pqcoap/pqcoap/internal/cli"
)

// program has a subcommand for each file beside this one.
var program = &cli.Program{
	Name:  "pqcoap-conformance",
	About: "pqcoap-conformance makes what shows that an implementation is one of pqcoap.",
	Commands: []cli.Command{
		benchCommand,
		budgetsCommand,
		floodCommand,
		idleCommand,
		lossCommand,
		peerCommand,
		sessionsCommand,
		vectorsCommand,
	},
	Examples: `
		pqcoap-conformance vectors -dir conformance/testdata
		pqcoap-conformance sessions
	`,
}

func main() { os.Exit(cli.Main(program)) }
