package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"

	"github.com/pqcoap/pqcoap/coap"
	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/internal/cli"
	"github.com/pqcoap/pqcoap/node"
	"github.com/pqcoap/pqcoap/server"
	"github.com/pqcoap/pqcoap/server/app"
	"github.com/pqcoap/pqcoap/server/control"
)

// demoTimeout ends a demonstration that hangs.
const demoTimeout = time.Minute

func demoCommand() cli.Command {
	return cli.Command{
		Name:  "demo",
		Short: "show a handshake, readings and three attacks",
		Long: `Demo runs a server and a device in this process, over UDP on loopback and with files in
a temporary folder, which it removes. It enrolls the device, shows each datagram of the
handshake, posts ten readings and fetches them, and then attacks: a record sent again, a
flipped bit, a wrong pin. It ends with 0 if all went as it must.`,
		Examples: `pqcoap-server demo`,
		Setup: func(*flag.FlagSet) cli.Action {
			return func(ctx context.Context, std cli.Streams, args []string) error {
				if len(args) != 0 {
					return cli.Usagef("want no arguments, have %d", len(args))
				}
				ctx, cancel := context.WithTimeout(ctx, demoTimeout)
				defer cancel()
				return runDemo(ctx, std)
			}
		},
	}
}

// A demo is the server, the device, and the relay between them.
type demo struct {
	out    io.Writer
	server *server.Server
	addr   netip.AddrPort // of the server
	device node.Config
	relay  *relay
	conn   *node.Conn

	mu      sync.Mutex
	session string // of the last request, as the server names it
	name    string // of the device that made it
}

// runDemo does all of it, in a folder that is gone afterwards.
func runDemo(ctx context.Context, std cli.Streams) (err error) {
	began := time.Now()
	path, err := os.MkdirTemp("", "pqcoap-demo-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(path)) }()

	d := &demo{out: std.Out}
	d.print("pqcoap demo: a server and a device on loopback, in a temporary folder\n")
	folder, err := d.prepare(path)
	if err != nil {
		return err
	}
	stop, err := d.start(folder, std.Log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop()) }()
	for _, step := range []func(context.Context) error{d.shakeHands, d.telemetry, d.attacks} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	d.print("\nAll went as it must, in %.1f s.\n", time.Since(began).Seconds())
	return nil
}

func (d *demo) print(format string, args ...any) { fmt.Fprintf(d.out, format, args...) }

// prepare does what init and enroll do.
func (d *demo) prepare(path string) (*server.Dir, error) {
	key, err := server.InitDir(path, handshake.XWing)
	if err != nil {
		return nil, err
	}
	folder, err := server.OpenDir(path)
	if err != nil {
		return nil, err
	}
	print := key.ServerCredential().Fingerprint()
	d.print("\n1  The server has made its key (init)\n\n")
	d.print("   suite         %s\n", suiteText(key.Suite()))
	d.print("   fingerprint   %x...  of the key that devices pin\n", print[:8])

	e := enrollment{name: "sensor-1"}
	if d.device, err = e.config(folder); err != nil {
		return nil, err
	}
	d.device.State = "" // nothing stays of it
	err = withDevices(path, func(devices control.Devices) error { return devices.Enroll(device(d.device)) })
	if err != nil {
		return nil, err
	}
	d.print("\n2  A device is let in (enroll)\n\n")
	d.print("   name          %s\n", d.device.Name)
	d.print("   identity      %s\n", identity(d.device))
	return folder, nil
}

// start runs the server, on loopback, and the relay before it.
func (d *demo) start(folder *server.Dir, log *slog.Logger) (stop func() error, err error) {
	application, err := app.Open(folder.Path)
	if err != nil {
		return nil, err
	}
	cfg := folder.Config(d.observe(application))
	if log.Enabled(context.Background(), slog.LevelDebug) { // -v
		cfg.Log = log
	}
	socket, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return nil, errors.Join(err, application.Close())
	}
	d.addr = socket.LocalAddr().(*net.UDPAddr).AddrPort()
	if d.server, err = server.New(cfg); err == nil {
		d.relay, err = newRelay(d.addr)
	}
	if err != nil {
		return nil, errors.Join(err, socket.Close(), application.Close())
	}
	ended := make(chan error, 1)
	go func() { ended <- d.server.Serve(socket) }()
	return func() error {
		if d.conn != nil {
			d.conn.Close()
		}
		d.server.Close()
		err := <-ended
		if errors.Is(err, server.ErrClosed) {
			err = nil
		}
		d.relay.close()
		return errors.Join(err, application.Close())
	}, nil
}

// observe notes who made the last request.
func (d *demo) observe(h coap.Handler) coap.Handler {
	return coap.HandlerFunc(func(ctx context.Context, r *coap.Request) *coap.Message {
		d.mu.Lock()
		d.session, d.name = r.SessionID, r.Device
		d.mu.Unlock()
		return h.ServeCoAP(ctx, r)
	})
}

// lastRequest is the session and the device of the last request, as the server sees it.
func (d *demo) lastRequest() (session, name string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.session, d.name
}
