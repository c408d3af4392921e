package main

import (
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"strings"
	"time"

	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/internal/cli"
	"github.com/pqcoap/pqcoap/node"
	"github.com/pqcoap/pqcoap/server"
	"github.com/pqcoap/pqcoap/server/control"
	"github.com/pqcoap/pqcoap/server/registry"
)

func enrollCommand() cli.Command {
	return cli.Command{
		Name:  "enroll",
		Args:  "-dir DIR NAME [-psk] [-suite N] [-server ADDR] [-out FILE] [-group GROUP]... [-allow RULE]...",
		Short: "let a device in, and write its file",
		Long: `Enroll makes a key for the device NAME, adds the device to those that the server lets
in, and writes the file with which pqcoap-node runs. That file holds the device's private
key, of which the server keeps only the public half: bring it to the device over a safe way.
A server that runs knows the device at once. Where the key should be made on the device,
invite it instead.`,
		Examples: `
			pqcoap-server enroll -dir /var/lib/pqcoap sensor-1 -server 192.0.2.1:5688
			pqcoap-server enroll -dir /var/lib/pqcoap sensor-2 -psk -group meters -out -`,
		Setup: enrollSetup,
	}
}

// nameRule is what a name of a device is made of.
var nameRule = fmt.Sprintf("1 to %d letters, digits, \"-\", \"_\", \".\" and \":\"", registry.MaxName)

// An enrollment is what enroll is asked for.
type enrollment struct {
	name   string
	psk    bool
	suite  handshake.Suite // 0: the first one of the server
	server string          // address; empty: where the settings say
	policy policy
}

func enrollSetup(fs *flag.FlagSet) cli.Action {
	flags := folderFlags(fs)
	var e enrollment
	e.policy.define(fs)
	fs.BoolVar(&e.psk, "psk", false, "a pre-shared key instead of a KEM key: smaller messages, but the "+
		"server's folder then holds the device's secret too")
	var suite suiteFlag
	fs.Var(&suite, "suite", suiteUsage+" (default: the first that the server has a key of)")
	fs.StringVar(&e.server, "server", "", "`ADDR` where the device reaches the server, host or host:port "+
		"(default: this machine, at the port of server.toml)")
	out := fs.String("out", "", "`FILE` to write, - for the standard output (default NAME.toml)")
	return func(_ context.Context, std cli.Streams, args []string) error {
		if err := oneName(*flags.dir, args); err != nil {
			return err
		}
		folder, err := flags.open()
		if err != nil {
			return err
		}
		e.name, e.suite = args[0], handshake.Suite(suite)
		return e.run(folder, *out, std)
	}
}

// run makes the device's key, writes its file and registers it, in this order: a device that
// is registered has its file.
func (e *enrollment) run(dir *server.Dir, out string, std cli.Streams) error {
	cfg, err := e.config(dir)
	if err != nil {
		return err
	}
	text, err := node.AppendConfig(nil, cfg)
	if err != nil {
		return err
	}
	defer clear(text)
	register := func() error {
		d := device(cfg)
		d.Groups, d.Allow = e.policy.groups, e.policy.allow
		return withDevices(dir.Path, func(devices control.Devices) error { return devices.Enroll(d) })
	}
	if out == "-" {
		if err := register(); err != nil {
			return err
		}
		_, err := std.Out.Write(text)
		return err
	}
	if out == "" {
		if strings.ContainsAny(e.name, `/\`) {
			return cli.Usagef("NAME: want %s", nameRule)
		}
		out = e.name + ".toml"
	}
	if err := createPrivate(out, text); err != nil {
		return err
	}
	if err := register(); err != nil {
		return errors.Join(err, os.Remove(out))
	}
	fmt.Fprintf(std.Out, "device  %s (%s)\nsuite   %s\nserver  %s\nfile    %s\n",
		cfg.Name, identity(cfg), suiteText(cfg.Suite), cfg.Server, out)
	return nil
}

// config makes the device's configuration with a key of its own.
func (e *enrollment) config(dir *server.Dir) (node.Config, error) {
	key, err := keyOf(dir, e.suite)
	if err != nil {
		return node.Config{}, err
	}
	cfg := node.Config{Name: e.name, Server: e.server, Suite: key.Suite(), Trust: key.ServerCredential()}
	if cfg.Server == "" {
		cfg.Server = here(dir.Settings.Listen)
	}
	if e.psk {
		cfg.PSK, err = handshake.GeneratePSK(rand.Reader)
	} else {
		cfg.Key, err = handshake.GenerateKey(rand.Reader, cfg.Suite)
	}
	return cfg, err
}

// device is what the server keeps of a device.
func device(cfg node.Config) registry.Device {
	d := registry.Device{Name: cfg.Name, Suite: cfg.Suite, PSK: cfg.PSK, Enrolled: time.Now()}
	if cfg.Key != nil {
		d.PublicKey = cfg.Key.Public()
	}
	return d
}

// identity says how a device proves who it is.
func identity(cfg node.Config) string {
	if cfg.PSK != nil {
		return fmt.Sprintf("pre-shared key %x...", cfg.PSK.ID[:8])
	}
	id := cfg.Key.Public().DeviceID()
	return fmt.Sprintf("%v key %x...", cfg.Suite, id[:8])
}

// here is an address at which this machine reaches a server that listens on listen.
func here(listen string) string {
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return ""
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() && ip.To4() != nil {
		host = "127.0.0.1"
	} else if ip != nil && ip.IsUnspecified() {
		host = "::1"
	}
	return net.JoinHostPort(host, port)
}

// createPrivate writes a file that only its owner can read. It replaces none.
func createPrivate(name string, b []byte) error {
	return writePrivate(name, func(out io.Writer) error {
		_, err := out.Write(b)
		return err
	})
}

// writePrivate is createPrivate for what comes bit by bit.
func writePrivate(name string, write func(io.Writer) error) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s exists, and may hold the only copy of a key: remove it, or give another -out", name)
	}
	if err != nil {
		return err
	}
	if err = errors.Join(write(f), f.Sync(), f.Close()); err != nil {
		os.Remove(name)
	}
	return err
}
