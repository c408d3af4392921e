package main

import (
	"context"
	"flag"
	"fmt"

	"github.com/pqcoap/pqcoap/conformance/vectors"
	"github.com/pqcoap/pqcoap/internal/cli"
)

var vectorsCommand = cli.Command{
	Name:  "vectors",
	Args:  "[-dir FOLDER]",
	Short: "write the test vectors",
	Long: `Writes every scenario of the test vectors to a file of its own. They are computed
from docs/protocol.md by a second implementation, and are the same each time.
The README in conformance/testdata is their format.`,
	Examples: `
		pqcoap-conformance vectors -dir conformance/testdata
	`,
	Setup: setupVectors,
}

func setupVectors(fs *flag.FlagSet) cli.Action {
	dir := fs.String("dir", "conformance/testdata", "`FOLDER` to write to; it must exist")
	return func(_ context.Context, std cli.Streams, args []string) error {
		if len(args) != 0 {
			return cli.Usagef("vectors takes no arguments")
		}
		n, err := vectors.Write(*dir)
		if err != nil {
			return err
		}
		fmt.Fprintf(std.Out, "%d scenarios in %s\n", n, *dir)
		return nil
	}
}
