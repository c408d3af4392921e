package main

import (
	"context"
	"flag"
	"log/slog"
	"strings"
	"time"

	"github.com/pqcoap/pqcoap/internal/cli"
	"github.com/pqcoap/pqcoap/node"
)

func runCommand() cli.Command {
	return cli.Command{
		Name:  "run",
		Args:  "-c FILE [-server ADDR] [-interval TIME] [-count N] [-sleep]",
		Short: "post simulated readings, as a sensor does",
		Long: `Run simulates a thermometer. Every interval it takes a reading and posts it to
/telemetry as SenML in CBOR. While the server is away it tries again, less and less often
(1 s to 5 min, with a random part); up to 1000 readings wait meanwhile. It ends when -count
readings are acknowledged, on SIGINT or SIGTERM, and when the server refuses the device
(exit code 3) or its readings (4).

The server may ask the device: GET /.well-known/core, GET /temperature, which is observable,
GET /interval and PUT /interval, a time from 1s to 24h.

With -sleep the session is saved in the state file behind each reading, and the next reading
goes on with it: one record each way, whatever the network has forgotten meanwhile. For long
intervals; the server cannot ask a device that sleeps.`,
		Examples: `
			pqcoap-node run -c sensor-1.toml
			pqcoap-node run -c sensor-1.toml -interval 1s -count 60
			pqcoap-node run -c sensor-1.toml -interval 1h -sleep -state sensor-1.state`,
		Setup: runSetup,
	}
}

func runSetup(fs *flag.FlagSet) cli.Action {
	var t target
	t.define(fs, requestTimeout, "on a handshake or an answer, and try again")
	every := fs.Duration("interval", 10*time.Second, "`TIME` from one reading to the next")
	count := fs.Int("count", 0, "end when `N` readings are acknowledged; 0: never")
	sleep := fs.Bool("sleep", false, "sleep between readings, in the state file")
	return func(ctx context.Context, std cli.Streams, args []string) error {
		switch {
		case len(args) != 0:
			return cli.Usagef("want no arguments, have %d", len(args))
		case *every <= 0:
			return cli.Usagef("-interval: want more than 0")
		case *count < 0:
			return cli.Usagef("-count: want 0 or more")
		}
		cfg, err := t.config()
		if err != nil {
			return err
		}
		if *sleep && cfg.State == "" {
			return cli.Usagef("-sleep needs a state file: give -state FILE, or set state in %s", t.file)
		}
		served := &resources{interval: newInterval(*every)}
		cfg.Memory, cfg.Handler, cfg.Log = new(node.Memory), served, std.Log
		s := &sensor{
			name: sensorName(cfg.Name), path: "/telemetry",
			interval: served.interval, took: served.took, count: *count, timeout: t.timeout,
			dial: t.uplink(std, cfg), sleeps: *sleep, log: std.Log,
		}
		return s.run(ctx)
	}
}

// uplink dials for a sensor.
func (t *target) uplink(std cli.Streams, cfg node.Config) func(context.Context) (uplink, error) {
	return func(ctx context.Context) (uplink, error) {
		ctx, cancel := context.WithTimeout(ctx, t.timeout)
		defer cancel()
		conn, err := t.dial(ctx, std, cfg)
		if err != nil {
			return nil, err // not a nil *node.Conn in an interface
		}
		return &line{conn, cfg, std.Log}, nil
	}
}

// A line is a session as an uplink.
type line struct {
	*node.Conn
	cfg node.Config
	log *slog.Logger
}

func (l *line) HangUp() { hangUp(l.Conn, l.cfg, l.log) }

// sensorName is the SenML name of the readings, which begins with a letter or digit (RFC 8428
// section 4.5.1), while a device's name need not.
func sensorName(device string) string {
	device = strings.TrimLeft(device, "-_.:")
	if device == "" {
		return "temperature"
	}
	return device + "/temperature"
}
