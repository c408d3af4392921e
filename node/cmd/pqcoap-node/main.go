// The command pqcoap-node is a device: it asks a pqcoap server for resources, posts simulated
// readings, and measures handshakes. 'pqcoap-node -h' tells more.
package main

import (
	"os"

	"github.com/pqcoap/pqcoap/internal/cli"
)

func main() { os.Exit(cli.Main(program())) }
