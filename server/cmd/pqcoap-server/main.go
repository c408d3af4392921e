// The command pqcoap-server is a server with a small application of its own, and what an
// operator needs for it: keys, enrolment of devices, a demonstration. 'pqcoap-server -h'
// tells more.
package main

import (
	"os"

	"github.com/pqcoap/pqcoap/internal/cli"
)

func main() { os.Exit(cli.Main(program())) }
