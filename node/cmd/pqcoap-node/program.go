package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"log/slog"
	"time"

	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/internal/cli"
	"github.com/pqcoap/pqcoap/internal/passphrase"
	"github.com/pqcoap/pqcoap/node"
)

// Exit codes beyond those of package cli.
const (
	codeNoSession = 3
	codeAnswer    = 4
	codeOtherKey  = 5
)

func program() *cli.Program {
	return &cli.Program{
		Name: "pqcoap-node",
		About: `pqcoap-node is a device. It agrees on keys with a pqcoap server by ML-KEM, and sends
CoAP requests over that channel. Its file, which holds its private key and says how
to know the server, is made by 'pqcoap-node init', or by 'pqcoap-server enroll'.`,
		Commands: []cli.Command{
			initCommand(), getCommand(), observeCommand(), postCommand(), putCommand(), deleteCommand(),
			fetchCommand(), patchCommand(), ipatchCommand(), runCommand(), pingCommand(), benchCommand(), proxyCommand(),
			checkCommand(), passphraseCommand(),
		},
		Examples: `
			pqcoap-node get  -c sensor-1.toml /time
			pqcoap-node run  -c sensor-1.toml -interval 10s
			pqcoap-node ping -c sensor-1.toml -n 5`,
		Codes: []cli.ExitCode{
			{Code: codeNoSession, Meaning: "no session: not connected, refused, or no answer in time"},
			{Code: codeAnswer, Meaning: "the server answered with an error code, 4.xx or 5.xx"},
			{Code: codeOtherKey, Meaning: "what answers offers another key than the server had when it was first met"},
		},
	}
}

// A target is the flags that say who connects to whom.
type target struct {
	file, server, state string
	timeout             time.Duration
	passphrase          passphrase.Flag
}

func (t *target) define(fs *flag.FlagSet, timeout time.Duration, what string) {
	fs.StringVar(&t.file, "c", "", "`FILE` of the device, as 'pqcoap-node init' writes it")
	t.passphrase.Define(fs)
	fs.StringVar(&t.server, "server", "", "`ADDR` of the server instead of the one in FILE: host or host:port")
	fs.StringVar(&t.state, "state", "", "`FILE` that keeps the session for the next call, instead of the one in FILE of -c; "+
		"it is made if need be")
	fs.DurationVar(&t.timeout, "timeout", timeout, "`TIME` after which to give up "+what)
}

// config reads the device's file.
func (t *target) config() (node.Config, error) {
	switch {
	case t.file == "":
		return node.Config{}, cli.Usagef("-c FILE is missing")
	case t.timeout <= 0:
		return node.Config{}, cli.Usagef("-timeout: want more than 0")
	}
	cfg, err := node.LoadConfigSealed(t.file, t.ask)
	if err != nil {
		return cfg, err
	}
	if t.server != "" {
		cfg.Server = t.server
	}
	if t.state != "" {
		cfg.State = t.state
	}
	if cfg.Server == "" {
		return cfg, cli.Usagef("%s names no server: give -server ADDR", t.file)
	}
	return cfg, nil
}

// ask gets the passphrase of the device's key.
func (t *target) ask() ([]byte, error) { return t.passphrase.Ask("of the device's key") }

// dial opens a session, within the time of ctx.
func (t *target) dial(ctx context.Context, std cli.Streams, cfg node.Config) (*node.Conn, error) {
	std.Log.Debug("dialing", "server", cfg.Server, "suite", cfg.Suite.String(), "mode", mode(cfg).String())
	if cfg.Log == nil {
		cfg.Log = std.Log
	}
	conn, err := node.Dial(ctx, "", cfg)
	if err != nil {
		return nil, t.explain(err)
	}
	return conn, nil
}

// sleepTime is how long what is open may delay a sleep.
const sleepTime = 5 * time.Second

// hangUp ends the use of a session: it sleeps in the state file, where there is one, for the next
// call.
func hangUp(conn *node.Conn, cfg node.Config, log *slog.Logger) {
	if cfg.State == "" {
		conn.Close()
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), sleepTime)
	defer cancel()
	if err := conn.Sleep(ctx); err != nil {
		log.Warn("the session is not saved", "error", err)
	}
}

// explain gives what kept a request from its answer an exit code, and says in words what a context's
// error means here. Most of it can happen when a session is opened, and later when it is opened anew.
func (t *target) explain(err error) error {
	var file *fs.PathError
	switch {
	case errors.Is(err, node.ErrKeyChanged):
		return cli.Exit(codeOtherKey, err)
	case errors.Is(err, node.ErrConfig), errors.Is(err, node.ErrState), errors.As(err, &file):
		return err
	case errors.Is(err, context.DeadlineExceeded):
		err = fmt.Errorf("no answer within %v: %w", t.timeout, err)
	case errors.Is(err, context.Canceled):
		err = fmt.Errorf("interrupted: %w", err)
	}
	return cli.Exit(codeNoSession, err)
}

func mode(cfg node.Config) handshake.Mode {
	switch {
	case cfg.Key != nil:
		return handshake.ModeKEM
	case cfg.PSK != nil:
		return handshake.ModePSK
	}
	return handshake.ModeNone
}
