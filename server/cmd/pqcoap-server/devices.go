package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/pqcoap/pqcoap/internal/cli"
	"github.com/pqcoap/pqcoap/server/control"
	"github.com/pqcoap/pqcoap/server/registry"
)

// withDevices works on the devices of a server's folder, through the server where one runs.
func withDevices(dir string, do func(control.Devices) error) (err error) {
	if _, err := os.Stat(filepath.Join(dir, "server.toml")); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s: no server.toml in it: pqcoap-server init makes a folder", dir)
	}
	devices, err := control.Open(dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, devices.Close()) }()
	return do(devices)
}

// A listFlag is a flag that may be given several times.
type listFlag []string

func (l *listFlag) String() string { return strings.Join(*l, " ") }

// Set adds one.
func (l *listFlag) Set(text string) error {
	*l = append(*l, text)
	return nil
}

// A policy is what a device may do: flags of the commands that let one in.
type policy struct{ groups, allow listFlag }

func (p *policy) define(fs *flag.FlagSet) {
	fs.Var(&p.groups, "group", "`GROUP` that the device is in; may be given several times")
	fs.Var(&p.allow, "allow", "`RULE` of what the device may do, besides what its groups may, such as "+
		"\"GET /time\" or \"POST,PUT /telemetry/*\"; may be given several times")
}

// names gives a command its folder and at least one name.
func names(dir string, args []string) error {
	switch {
	case dir == "":
		return cli.Usagef("-dir DIR is missing")
	case len(args) == 0:
		return cli.Usagef("want a NAME, or several")
	}
	return nil
}

// oneName is for commands that take just one.
func oneName(dir string, args []string) error {
	switch {
	case dir == "":
		return cli.Usagef("-dir DIR is missing")
	case len(args) != 1:
		return cli.Usagef("want one NAME, have %d arguments", len(args))
	}
	return nil
}

// A change is a command that does one thing to each device it names.
type change struct {
	name, short, long, done string
	do                      func(d control.Devices, name string) error
}

var changes = []change{
	{
		"suspend", "keep a device out for a while",
		`Suspend keeps devices out until they are resumed. Sessions that are open end within a
second. Keys, groups and permissions stay.`,
		"suspended", func(d control.Devices, name string) error { return d.Suspend(name) },
	},
	{
		"resume", "let a suspended device in again",
		`Resume lets devices in again that were suspended.`,
		"resumed", func(d control.Devices, name string) error { return d.Resume(name) },
	},
	{
		"remove", "forget a device, or take an invitation back",
		`Remove forgets devices: the name and the key are free. Sessions that are open end within
a second. It takes an invitation back, too. Of a device with a credential of an authority
those credentials are refused that it has used here, until they expire; one that it has not
used lets it in anew: revoke such a device instead.`,
		"removed", func(d control.Devices, name string) error { return d.Remove(name) },
	},
}

func (c *change) command() cli.Command {
	return cli.Command{
		Name: c.name, Args: "-dir DIR NAME...", Short: c.short, Long: c.long,
		Examples: fmt.Sprintf("pqcoap-server %s -dir /var/lib/pqcoap sensor-1 sensor-2", c.name),
		Setup: func(fs *flag.FlagSet) cli.Action {
			dir := dirFlag(fs)
			return func(_ context.Context, std cli.Streams, args []string) error {
				if err := names(*dir, args); err != nil {
					return err
				}
				return each(*dir, args, std.Out, c.done, c.do)
			}
		},
	}
}

// each does something to devices one by one, and goes on where one fails.
func each(dir string, names []string, out io.Writer, done string, do func(control.Devices, string) error) error {
	return withDevices(dir, func(devices control.Devices) (all error) {
		for _, name := range names {
			if err := do(devices, name); err != nil {
				all = errors.Join(all, err)
				continue
			}
			fmt.Fprintf(out, "%s  %s\n", done, name)
		}
		return all
	})
}

func revokeCommand() cli.Command {
	return cli.Command{
		Name: "revoke", Args: "-dir DIR NAME... [-unseen]", Short: "keep a device out for good",
		Long: `Revoke is for devices that were stolen or lost. Sessions that are open end within a
second, and the name, the key and the credentials of an authority that were used stay
refused. It cannot be undone, but by remove, which forgets all of it.`,
		Examples: `
			pqcoap-server revoke -dir /var/lib/pqcoap sensor-1
			pqcoap-server revoke -dir /var/lib/pqcoap -unseen sensor-7`,
		Setup: func(fs *flag.FlagSet) cli.Action {
			dir := dirFlag(fs)
			unseen := fs.Bool("unseen", false, "also names that were never seen here: for a device that has a "+
				"credential of an authority and was lost before it used it")
			return func(_ context.Context, std cli.Streams, args []string) error {
				if err := names(*dir, args); err != nil {
					return err
				}
				return each(*dir, args, std.Out, "revoked", func(d control.Devices, name string) error {
					err := d.Revoke(name)
					if *unseen && errors.Is(err, registry.ErrUnknown) {
						return d.Bar(name)
					}
					return err
				})
			}
		},
	}
}

func permitCommand() cli.Command {
	return cli.Command{
		Name: "permit", Args: "-dir DIR NAME... [-group GROUP]... [-allow RULE]...", Short: "set what a device may do",
		Long: `Permit replaces the groups of devices and the rules of their own; without -group and
-allow they have none. A device without groups is in the group default. What groups may do
stands in server.toml. It is in force for open sessions within a second.`,
		Examples: `
			pqcoap-server permit -dir /var/lib/pqcoap sensor-1 -group meters
			pqcoap-server permit -dir /var/lib/pqcoap sensor-1 -allow "GET /time"`,
		Setup: func(fs *flag.FlagSet) cli.Action {
			dir := dirFlag(fs)
			var p policy
			p.define(fs)
			return func(_ context.Context, std cli.Streams, args []string) error {
				if err := names(*dir, args); err != nil {
					return err
				}
				return each(*dir, args, std.Out, "permitted", func(d control.Devices, name string) error {
					return d.Permit(name, p.groups, p.allow)
				})
			}
		},
	}
}

// printJSON writes a value as one line.
func printJSON(out io.Writer, v any) error {
	e := json.NewEncoder(out)
	e.SetEscapeHTML(false)
	return e.Encode(v)
}
