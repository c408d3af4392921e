package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"

	"github.com/pqcoap/pqcoap/internal/cli"
	"github.com/pqcoap/pqcoap/server/control"
)

func exportCommand() cli.Command {
	return cli.Command{
		Name:  "export",
		Args:  "-dir DIR FILE [-format csv|json] [-secrets]",
		Short: "write all devices to a file",
		Long: `Export writes all devices to FILE (- is the standard output), as import reads them.
Invitations are not among them, nor the credentials of an authority that were revoked. The
pre-shared keys are left out unless -secrets is given: whoever has them can be those
devices.`,
		Examples: `
			pqcoap-server export -dir /var/lib/pqcoap devices.csv
			pqcoap-server export -dir /var/lib/pqcoap -secrets backup.json`,
		Setup: func(fs *flag.FlagSet) cli.Action {
			dir := dirFlag(fs)
			format := fs.String("format", "", "`FORMAT` of the file, csv or json (default: what its name ends with)")
			secrets := fs.Bool("secrets", false, "with the pre-shared keys")
			return func(_ context.Context, std cli.Streams, args []string) error {
				switch {
				case *dir == "":
					return cli.Usagef("-dir DIR is missing")
				case len(args) != 1:
					return cli.Usagef("want one FILE, have %d arguments", len(args))
				}
				kind, err := formatOf(*format, args[0])
				if err != nil {
					return cli.Exit(cli.CodeUsage, err)
				}
				return withDevices(*dir, func(devices control.Devices) error {
					return export(devices, kind, args[0], *secrets, std)
				})
			}
		},
	}
}

// export writes a new file that only its owner can read, whole or not at all.
func export(devices control.Devices, format, name string, secrets bool, std cli.Streams) error {
	var n, left int
	write := func(out io.Writer) (err error) {
		n, left, err = exportTo(out, devices, format, secrets)
		return err
	}
	var err error
	if name == "-" {
		err = write(std.Out)
	} else if err = writePrivate(name, write); err == nil {
		fmt.Fprintf(std.Out, "exported  %d devices\n", n)
	}
	if left > 0 && err == nil {
		std.Log.Warn("pre-shared keys are left out: -secrets writes them", "devices", left)
	}
	return err
}

func exportTo(out io.Writer, devices control.Devices, format string, secrets bool) (n, left int, err error) {
	buffer := bufio.NewWriter(out)
	w := newWriter(format, buffer)
	for d, err := range devices.All() {
		if err != nil {
			return 0, 0, err
		}
		if d.Enrolling {
			continue
		}
		if d.PSK != nil && !secrets {
			left++
		}
		if err := w.write(withKeys(d, secrets)); err != nil {
			return 0, 0, err
		}
	}
	return w.n, left, errors.Join(w.end(), buffer.Flush())
}
