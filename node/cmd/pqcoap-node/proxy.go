package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"time"

	"github.com/pqcoap/pqcoap/internal/cli"
	"github.com/pqcoap/pqcoap/internal/plain"
	"github.com/pqcoap/pqcoap/node"
)

func proxyCommand() cli.Command {
	return cli.Command{
		Name:  "proxy",
		Args:  "-c FILE [-server ADDR] [-listen ADDR] [-serve URI] [-expose] [-timeout TIME]",
		Short: "take plain CoAP of programs on this machine to the server",
		Long: `Proxy listens for plain CoAP, and makes each request that comes at the server, in the
device's name and inside records. Any CoAP client can use it, as if it were the server, or
as a forward proxy (Proxy-Uri, Proxy-Scheme) for URIs of that server. With -serve what the
server asks the device goes to a plain CoAP server on this machine. While there is no session
requests wait; attempts to open one go on, less and less often (1 s to 5 min). The first line
of output is the address that it listens on. SIGINT and SIGTERM end it, and so does a server
that refuses the device before there was any session (exit code 3).`,
		Examples: `
			pqcoap-node proxy -c sensor-1.toml
			pqcoap-node proxy -c sensor-1.toml -serve coap://127.0.0.1:5685`,
		Setup: proxySetup,
	}
}

// proxyTimeout is a little less than clients wait for an answer (MAX_TRANSMIT_WAIT, RFC 7252
// section 4.8.2).
const proxyTimeout = 80 * time.Second

func proxySetup(fs *flag.FlagSet) cli.Action {
	var t target
	t.define(fs, proxyTimeout, "on a request, which is answered 5.04 then")
	listen := fs.String("listen", "127.0.0.1:"+plain.DefaultPort, "UDP `ADDR` to listen on; port 0: any free one")
	serve := fs.String("serve", "", "`URI` of a plain CoAP server, coap://HOST:PORT, that answers what the server "+
		"asks the device")
	expose := fs.Bool("expose", false, "let -listen and -serve be other than loopback. Whoever reaches the port of -listen "+
		"then speaks as this device, and what is said there is not encrypted")
	return func(ctx context.Context, std cli.Streams, args []string) error {
		if len(args) != 0 {
			return cli.Usagef("want no arguments, have %d", len(args))
		}
		cfg := node.ProxyConfig{Timeout: t.timeout}
		var err error
		if cfg.Device, err = t.config(); err != nil {
			return err
		}
		cfg.Device.Log, cfg.Device.Memory = std.Log, new(node.Memory)
		if *serve != "" {
			if cfg.Serve, err = plain.Resolve(ctx, *serve); err != nil {
				return cli.Usagef("-serve: %w", err)
			}
			if err := exposed(std, "-serve", net.UDPAddrFromAddrPort(cfg.Serve), *expose); err != nil {
				return err
			}
		}
		socket, err := listenPlain(std, *listen, *expose)
		if err != nil {
			return err
		}
		fmt.Fprintf(std.Out, "listening on %s\n", socket.LocalAddr())
		return runProxy(ctx, std, node.NewProxy(cfg), socket)
	}
}

// exposed refuses an address that others may reach, unless it is wanted; then it says so.
func exposed(std cli.Streams, flag string, addr *net.UDPAddr, wanted bool) error {
	switch {
	case addr.IP.IsLoopback():
	case !wanted:
		return cli.Usagef("%s: %s is not loopback: 'pqcoap-node proxy -h' tells what -expose means", flag, addr)
	default:
		std.Log.Warn("not loopback: plain CoAP there is not encrypted, and whoever reaches it speaks as this device",
			"flag", flag, "address", addr.String())
	}
	return nil
}

func listenPlain(std cli.Streams, listen string, expose bool) (*net.UDPConn, error) {
	addr, err := net.ResolveUDPAddr("udp", listen)
	if err != nil {
		return nil, fmt.Errorf("address to listen on: %w", err)
	}
	if err := exposed(std, "-listen", addr, expose); err != nil {
		return nil, err
	}
	return net.ListenUDP("udp", addr)
}

// runProxy runs a proxy until ctx is done.
func runProxy(ctx context.Context, std cli.Streams, p *node.Proxy, socket *net.UDPConn) error {
	stop := context.AfterFunc(ctx, func() { p.Close() })
	defer stop()
	if err := p.Serve(socket); !errors.Is(err, node.ErrClosed) {
		return cli.Exit(codeNoSession, err)
	}
	std.Log.Info("stopped")
	return nil
}
