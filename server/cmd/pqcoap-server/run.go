package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/pqcoap/pqcoap/internal/cli"
	"github.com/pqcoap/pqcoap/server"
	"github.com/pqcoap/pqcoap/server/app"
	"github.com/pqcoap/pqcoap/server/upstream"
)

func runCommand() cli.Command {
	return cli.Command{
		Name:  "run",
		Args:  "-dir DIR [-listen ADDR] [-echo auto|always] [-upstream URI [-identity KIND] [-unencrypted]]",
		Short: "serve devices",
		Long: `Run serves the devices that are enrolled, with the built-in application:
/.well-known/core, /time, /echo, and /telemetry, which keeps SenML readings in
telemetry.log of the folder and answers when they are on the disk. Requests can go to plain
CoAP servers instead: with -upstream all of them, but those for paths that a [[route]] in
server.toml is for. The first line of output is the address that it listens on.

SIGINT and SIGTERM end it: it answers the requests under way (drain_timeout in server.toml),
saves its sessions to sessions.cbor, encrypted, and exits with 0. The next run takes that
file and goes on with the sessions; devices notice nothing. With save_sessions = false it
tells the devices instead. A second signal ends it at once. After a crash devices are told
that their session is gone, and resume by their tickets.

SIGHUP, and a change of server.toml, have it read that file again, without an effect on
sessions: docs/configuration.md says which keys it takes. A file with an error changes nothing.
Who was let in and refused is in audit.log of the folder. Metrics, and whether the server is well,
are at the address of [admin] in server.toml, if there is one.`,
		Examples: `
			pqcoap-server run -dir /var/lib/pqcoap
			pqcoap-server run -dir /var/lib/pqcoap -listen 127.0.0.1:0 -echo always
			pqcoap-server run -dir /var/lib/pqcoap -upstream coap://127.0.0.1:5683`,
		Setup: runSetup,
	}
}

func runSetup(fs *flag.FlagSet) cli.Action {
	flags := folderFlags(fs)
	listen := fs.String("listen", "", "UDP `ADDR` to listen on instead of that in server.toml; port 0: any free one")
	echo := fs.String("echo", "", "`WHEN` a device has to prove its address before the server works for it, "+
		"instead of what server.toml says: auto (under load) or always")
	var up upstreamFlags
	up.define(fs)
	return func(ctx context.Context, std cli.Streams, args []string) error {
		if err := noArguments(*flags.dir, args); err != nil {
			return err
		}
		folder, err := flags.open()
		if err != nil {
			return err
		}
		switch *echo {
		case "":
		case server.EchoAuto, server.EchoAlways:
			folder.Settings.Echo = *echo
		default:
			return cli.Usagef("-echo: want auto or always")
		}
		if *listen != "" {
			folder.Settings.Listen = *listen
		}
		if err := up.apply(&folder.Settings); err != nil {
			return err
		}
		return serve(ctx, std, folder)
	}
}

// serve runs a server with the built-in application until ctx is done.
func serve(ctx context.Context, std cli.Streams, folder *server.Dir) (err error) {
	port, err := server.Listen(folder.Settings.Listen, folder.Settings.Shards)
	if err != nil {
		return err
	}
	application, err := app.Open(folder.Path)
	if err != nil {
		port.Close()
		return err
	}
	// After the server, whose handlers use it.
	defer func() { err = errors.Join(err, application.Close()) }()

	routed, err := upstream.New(ctx, upstream.Config{
		Routes: folder.Settings.Routes, BuiltIn: application, Log: std.Log,
	})
	if err != nil {
		port.Close()
		return err
	}
	defer routed.Close()
	cfg := folder.Config(routed)
	cfg.Log = std.Log
	srv, err := server.New(cfg)
	if err != nil {
		port.Close()
		return err
	}
	fmt.Fprintf(std.Out, "listening on %s\n", port.Addr())
	stopAdmin, err := operate(folder, srv, application, std)
	if err != nil {
		return errors.Join(err, srv.Close(), port.Close())
	}
	defer stopAdmin()
	ended := make(chan error, 1)
	stop := context.AfterFunc(ctx, func() { ended <- shutdown(srv) })
	defer onHangUp(func() { srv.ReloadFile() })() // it logs what has come of it
	err = srv.ServePort(port)
	var unsaved error
	if !stop() { // it has begun
		unsaved = <-ended
	}
	if !errors.Is(err, server.ErrClosed) {
		return err
	}
	st := srv.Stats()
	std.Log.Info("stopped", "sessions", st.Confirmed, "refused", st.Refused, "rejected", st.Rejected, "replayed", st.Replayed)
	return unsaved
}

// onHangUp does something at each SIGHUP, until what it returns is called.
func onHangUp(f func()) (stop func()) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGHUP)
	go func() {
		for range signals {
			f()
		}
	}()
	return func() { signal.Stop(signals); close(signals) }
}

// shutdown ends a server, and gives what is under way some time.
func shutdown(srv *server.Server) error {
	settings := srv.Settings()
	ctx, cancel := context.WithTimeout(context.Background(), settings.Drain())
	defer cancel()
	return srv.Shutdown(ctx)
}
