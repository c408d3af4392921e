package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/pqcoap/pqcoap/internal/cli"
	"github.com/pqcoap/pqcoap/server/control"
	"github.com/pqcoap/pqcoap/server/registry"
)

func listCommand() cli.Command {
	return cli.Command{
		Name: "list", Args: "-dir DIR [-state STATE] [-group GROUP] [-json]", Short: "list the devices",
		Long: `List prints a line for each device, by name, and for each invitation that is open. Times
are in UTC.`,
		Examples: `
			pqcoap-server list -dir /var/lib/pqcoap
			pqcoap-server list -dir /var/lib/pqcoap -state suspended -json`,
		Setup: func(fs *flag.FlagSet) cli.Action {
			dir := dirFlag(fs)
			state := fs.String("state", "", "only devices in this `STATE`: enrolled, active, suspended, revoked or invited")
			group := fs.String("group", "", "only devices of this `GROUP`; default: those without one")
			asJSON := fs.Bool("json", false, "print one JSON object a device")
			return func(_ context.Context, std cli.Streams, args []string) error {
				if err := noArguments(*dir, args); err != nil {
					return err
				}
				if !slices.Contains([]string{"", "enrolled", "active", "suspended", "revoked", "invited"}, *state) {
					return cli.Usagef("-state: want enrolled, active, suspended, revoked or invited")
				}
				return withDevices(*dir, func(devices control.Devices) error {
					return list(std.Out, devices, *asJSON, func(d *registry.Device) bool {
						return (*state == "" || d.Status() == *state) && (*group == "" || inGroup(d, *group))
					})
				})
			}
		},
	}
}

func inGroup(d *registry.Device, group string) bool {
	return slices.Contains(d.Groups, group) || len(d.Groups) == 0 && group == "default"
}

func list(out io.Writer, devices control.Devices, asJSON bool, wanted func(*registry.Device) bool) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	if !asJSON {
		fmt.Fprintln(table, "NAME\tSTATE\tSUITE\tPROOF\tGROUPS\tLAST SEEN")
	}
	for d, err := range devices.All() {
		if err != nil {
			return errors.Join(err, table.Flush())
		}
		if !wanted(d) {
			continue
		}
		if asJSON {
			if err := printJSON(out, summary(d)); err != nil {
				return err
			}
			continue
		}
		groups, seen := strings.Join(d.Groups, " "), timeText(d.LastSeen)
		if groups == "" {
			groups = "default"
		}
		switch {
		case d.Enrolling:
			seen = "until " + timeText(d.Expires)
		case seen == "":
			seen = "never"
		}
		fmt.Fprintf(table, "%s\t%s\t%d\t%s\t%s\t%s\n", d.Name, d.Status(), d.Suite, proof(d), groups, seen)
	}
	return table.Flush()
}

// proof says by what a device proves who it is.
func proof(d *registry.Device) string {
	switch {
	case d.Enrolling:
		return "code"
	case d.PSK != nil:
		return "psk"
	case d.PublicKey != nil:
		return "key"
	}
	return "none"
}

func showCommand() cli.Command {
	return cli.Command{
		Name: "show", Args: "-dir DIR NAME [-json]", Short: "show all that is known of a device",
		Long: `Show prints what the server knows of a device, or of an invitation. It prints no secret.`,
		Examples: `
			pqcoap-server show -dir /var/lib/pqcoap sensor-1
			pqcoap-server show -dir /var/lib/pqcoap sensor-1 -json`,
		Setup: func(fs *flag.FlagSet) cli.Action {
			dir := dirFlag(fs)
			asJSON := fs.Bool("json", false, "print one JSON object")
			return func(_ context.Context, std cli.Streams, args []string) error {
				if err := oneName(*dir, args); err != nil {
					return err
				}
				return withDevices(*dir, func(devices control.Devices) error {
					d, err := devices.Get(args[0])
					if err != nil {
						return err
					}
					if *asJSON {
						return printJSON(std.Out, withKeys(d, false))
					}
					show(std.Out, d)
					return nil
				})
			}
		},
	}
}

func show(out io.Writer, d *registry.Device) {
	r := summary(d)
	line := func(name, value string) {
		if value != "" {
			fmt.Fprintf(out, "%-10s  %s\n", name, value)
		}
	}
	line("name", r.Name)
	line("state", r.State)
	line("origin", r.Origin)
	if d.Suite.Valid() {
		line("suite", suiteText(d.Suite))
	}
	line(map[string]string{"code": "code id", "psk": "psk id", "key": "key id"}[proof(d)], r.ID)
	line("groups", strings.Join(r.Groups, " "))
	for _, rule := range r.Allow {
		line("allow", rule)
	}
	line("enrolled", r.Enrolled)
	line("expires", r.Expires)
	line("first seen", r.FirstSeen)
	line("last seen", r.LastSeen)
}
