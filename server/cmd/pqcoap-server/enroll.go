package main

import (
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"net"
	"os"
	"strings"
	"time"

	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/internal/cli"
	"github.com/pqcoap/pqcoap/node"
	"github.com/pqcoap/pqcoap/server"
	"github.com/pqcoap/pqcoap/server/registry"
)

func enrollCommand() cli.Command {
	return cli.Command{
		Name:  "enroll",
		Args:  "-dir DIR NAME [-psk] [-suite N] [-server ADDR] [-out FILE]",
		Short: "let a device in, and write its file",
		Long: `Enroll makes a key for the device NAME, adds the device to those that the server lets
in, and writes the file with which pqcoap-node runs. That file holds the device's private
key, of which the server keeps only the public half: bring it to the device over a safe way.
A server that runs knows the device within a second.`,
		Examples: `
			pqcoap-server enroll -dir /var/lib/pqcoap sensor-1 -server 192.0.2.1:5688
			pqcoap-server enroll -dir /var/lib/pqcoap sensor-2 -psk -out -`,
		Setup: enrollSetup,
	}
}

// An enrollment is what enroll is asked for.
type enrollment struct {
	name   string
	psk    bool
	suite  handshake.Suite // 0: the first one of the server
	server string          // address; empty: where the settings say
}

func enrollSetup(fs *flag.FlagSet) cli.Action {
	flags := folderFlags(fs)
	psk := fs.Bool("psk", false, "a pre-shared key instead of a KEM key: smaller messages, but the "+
		"server's folder then holds the device's secret too")
	var suite suiteFlag
	fs.Var(&suite, "suite", suiteUsage+" (default: the first that the server has a key of)")
	addr := fs.String("server", "", "`ADDR` where the device reaches the server, host or host:port "+
		"(default: this machine, at the port of server.toml)")
	out := fs.String("out", "", "`FILE` to write, - for the standard output (default NAME.toml)")
	return func(_ context.Context, std cli.Streams, args []string) error {
		switch {
		case *flags.dir == "":
			return cli.Usagef("-dir DIR is missing")
		case len(args) != 1:
			return cli.Usagef("want one NAME, have %d arguments", len(args))
		}
		folder, err := flags.open()
		if err != nil {
			return err
		}
		e := enrollment{args[0], *psk, handshake.Suite(suite), *addr}
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
	if out == "-" {
		if err := dir.Devices.Enroll(device(cfg)); err != nil {
			return err
		}
		_, err := std.Out.Write(text)
		return err
	}
	if out == "" {
		if strings.ContainsAny(e.name, `/\`) {
			return cli.Usagef("NAME: want 1 to %d letters, digits, \"-\", \"_\", \".\" and \":\"", registry.MaxName)
		}
		out = e.name + ".toml"
	}
	if err := createPrivate(out, text); err != nil {
		return err
	}
	if err := dir.Devices.Enroll(device(cfg)); err != nil {
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
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s exists, and may hold the only copy of a key: remove it, or give another -out", name)
	}
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		os.Remove(name)
	}
	return err
}
