package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/pqcoap/pqcoap/internal/cli"
	"github.com/pqcoap/pqcoap/internal/passphrase"
	"github.com/pqcoap/pqcoap/node"
)

func checkCommand() cli.Command {
	return cli.Command{
		Name:  "check",
		Args:  "-c FILE [-passphrase-fd N]",
		Short: "say what is wrong in a device's file",
		Long: `Check reads the device's file, as the other commands do, and looks who else may read it. It
prints a line for each problem, with the line of the file, and what would be right, and exits with
1; "ok" where there is none. It uses no network and changes nothing.`,
		Examples: `
			pqcoap-node check -c sensor-1.toml`,
		Setup: func(flags *flag.FlagSet) cli.Action {
			file := flags.String("c", "", "`FILE` of the device")
			var p passphrase.Flag
			p.Define(flags)
			return func(_ context.Context, std cli.Streams, args []string) error {
				if err := oneFile(*file, args); err != nil {
					return err
				}
				found := problems(*file, func() ([]byte, error) { return p.Ask("of the device's key") })
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

// oneFile refuses arguments, and a missing file.
func oneFile(file string, args []string) error {
	switch {
	case file == "":
		return cli.Usagef("-c FILE is missing")
	case len(args) != 0:
		return cli.Usagef("want no arguments, have %d", len(args))
	}
	return nil
}

// problems is what is wrong with a file, a line each.
func problems(file string, ask node.Passphrase) []string {
	cfg, err := node.LoadConfigSealed(file, ask)
	if err != nil {
		text := strings.TrimPrefix(err.Error(), file+": ")
		text = strings.TrimPrefix(text, node.ErrConfig.Error()+": ")
		var found []string
		for line := range strings.Lines(text) {
			found = append(found, file+": "+strings.TrimSpace(line))
		}
		return found
	}
	var found []string
	if cfg.Server == "" {
		found = append(found, file+": server: no address: each command needs -server ADDR then")
	}
	if cfg.State != "" {
		if _, err := os.Stat(filepath.Dir(cfg.State)); errors.Is(err, fs.ErrNotExist) {
			found = append(found, fmt.Sprintf("%s: state: there is no folder %s", file, filepath.Dir(cfg.State)))
		}
	}
	return found
}
