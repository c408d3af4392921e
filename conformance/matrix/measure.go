package matrix

import (
	"context"
	"crypto/rand"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/pqcoap/pqcoap/coap"
	"github.com/pqcoap/pqcoap/conformance/relay"
	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/node"
	"github.com/pqcoap/pqcoap/server"
)

const (
	// atOnce bounds the handshakes under way, and one begins each startEvery: what is measured
	// is to be the path and not the processor.
	atOnce     = 40
	startEvery = 5 * time.Millisecond

	// settle is how long after a handshake its last datagrams may still be answered, beyond a
	// round trip: the device's ping, which confirms the session, goes out after 50 ms.
	settle = 100 * time.Millisecond
)

// Measure runs the handshakes of a cell on real sockets through a relay, all with one server.
// The seed decides what the relay loses, though not which of the handshakes loses it.
func Measure(ctx context.Context, c Cell, seed uint64) (Result, error) {
	b, err := newBench(c, seed)
	if err != nil {
		return Result{}, err
	}
	defer b.close()
	all := make([]Handshake, c.N)
	places := make(chan struct{}, atOnce)
	tick := time.NewTicker(startEvery)
	defer tick.Stop()
	var running sync.WaitGroup
	defer running.Wait()
	for i := range all {
		select {
		case places <- struct{}{}:
		case <-ctx.Done():
			return Result{}, ctx.Err()
		}
		<-tick.C
		running.Go(func() {
			all[i] = b.handshake(ctx)
			<-places
		})
	}
	running.Wait()
	return newResult(c, all), ctx.Err()
}

// A bench is a server behind a relay.
type bench struct {
	cell   Cell
	id     identity
	server *server.Server
	served chan error
	relay  *relay.Relay
}

func newBench(c Cell, seed uint64) (*bench, error) {
	made, err := identities()
	if err != nil {
		return nil, err
	}
	b := &bench{cell: c, id: made[c.Suite], served: make(chan error, 1)}
	if b.server, err = server.New(b.serverConfig()); err != nil {
		return nil, err
	}
	socket, err := listen()
	if err != nil {
		return nil, err
	}
	go func() { b.served <- b.server.Serve(socket) }()
	link := relay.Link{Delay: c.RTT / 2, Loss: c.Loss, MTU: c.Payload()}
	b.relay, err = relay.Listen(relay.Config{
		Server: localAddr(socket), Up: link, Down: link, Seed: seed ^ c.hash(), Counted: isHandshake,
	})
	if err != nil {
		b.server.Close()
		<-b.served
		return nil, err
	}
	return b, nil
}

func (b *bench) serverConfig() server.Config {
	cfg := server.Config{
		Keys:       []*handshake.PrivateKey{b.id.server},
		Authorize:  b.id.authorize,
		AlwaysEcho: b.cell.Echo,
		// All devices are behind one address, which may hold an eighth of the half-open ones.
		MaxHalfOpen: 16 * b.cell.N,
		Handler: coap.HandlerFunc(func(context.Context, *coap.Request) *coap.Message {
			return coap.Status(coap.NotFound)
		}),
	}
	rand.Read(cfg.Secrets.Echo[:])
	rand.Read(cfg.Secrets.Reset[:])
	return cfg
}

func (b *bench) close() {
	b.relay.Close()
	b.server.Close()
	<-b.served
}

// isHandshake tells plain CoAP from records, the device's first ping among them.
func isHandshake(datagram []byte) bool { return len(datagram) > 0 && datagram[0]>>6 == 1 }

// listen opens a socket on the loopback.
func listen() (*net.UDPConn, error) {
	return net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
}

func localAddr(socket *net.UDPConn) netip.AddrPort {
	return socket.LocalAddr().(*net.UDPAddr).AddrPort()
}

// handshake makes one.
func (b *bench) handshake(ctx context.Context) (h Handshake) {
	socket, err := listen()
	if err != nil {
		return Handshake{Err: fmt.Errorf("no socket: %w", err)}
	}
	addr := localAddr(socket)
	start := time.Now()
	conn, err := node.DialOn(ctx, socket, b.relay.Addr(), node.Config{
		Suite:         b.cell.Suite,
		Trust:         b.id.server.ServerCredential(),
		Key:           b.id.device,
		MaxUDPPayload: b.cell.deviceLimit(),
	})
	h.Time = time.Since(start)
	if err == nil {
		sleep(ctx, b.cell.RTT+settle)
		conn.Close()
	}
	h.Err = err
	traffic := b.relay.Traffic(addr)
	h.Datagrams, h.Bytes = traffic.Datagrams(), traffic.Bytes()
	b.relay.Forget(addr)
	return h
}

func sleep(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}
