package conformance

import (
	"context"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/plgd-dev/go-coap/v3/message"

	"github.com/pqcoap/pqcoap/coap"
	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/node"
	"github.com/pqcoap/pqcoap/server"
)

// BenchmarkGET is a secure GET with a small answer over loopback, BenchmarkEcho a datagram of
// its size sent back by a plain socket.
func BenchmarkGET(b *testing.B) {
	answer := coap.Content(message.TextPlain, []byte("21.5"))
	addr, stop := benchServer(b, coap.HandlerFunc(func(context.Context, *coap.Request) *coap.Message { return answer }))
	defer stop()
	id := keys()
	c, err := node.Dial(b.Context(), addr, node.Config{
		Trust: id.server[handshake.XWing].ServerCredential(), Suite: handshake.XWing, Key: id.device[handshake.XWing],
	})
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	ask := coap.Message{Code: coap.GET, Options: message.Options{{ID: message.URIPath, Value: []byte("temperature")}}}
	b.ReportAllocs()
	defer spent(b)()
	for b.Loop() {
		if m, err := c.Do(b.Context(), ask); err != nil || m.Code != coap.ContentCode {
			b.Fatal(m.Code, err)
		}
	}
}

func BenchmarkEcho(b *testing.B) {
	echo := loopback(b)
	defer echo.Close()
	go sendBack(echo)
	client := loopback(b)
	defer client.Close()
	to := echo.LocalAddr().(*net.UDPAddr).AddrPort()
	buf := make([]byte, 50)
	b.ReportAllocs()
	defer spent(b)()
	for b.Loop() {
		client.WriteToUDPAddrPort(buf, to)
		if _, _, err := client.ReadFromUDPAddrPort(buf); err != nil {
			b.Fatal(err)
		}
	}
}

// sendBack sends back what comes to a socket, until it is closed.
func sendBack(echo *net.UDPConn) {
	buf := make([]byte, 2048)
	for {
		n, from, err := echo.ReadFromUDPAddrPort(buf)
		if err != nil {
			return
		}
		echo.WriteToUDPAddrPort(buf[:n], from)
	}
}

func loopback(b *testing.B) *net.UDPConn {
	socket, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.MustParseAddrPort("127.0.0.1:0")))
	if err != nil {
		b.Fatal(err)
	}
	return socket
}

// benchServer runs a server on loopback, for devices that authorize knows.
func benchServer(b *testing.B, h coap.Handler) (addr string, stop func()) {
	id := keys()
	srv, err := server.New(server.Config{
		Keys: []*handshake.PrivateKey{id.server[handshake.XWing]}, Authorize: authorize, Handler: h,
		Admission: server.Admission{Burst: 1}, // no bounds
	})
	if err != nil {
		b.Fatal(err)
	}
	port, err := server.Listen("127.0.0.1:0", 0)
	if err != nil {
		b.Fatal(err)
	}
	var running sync.WaitGroup
	running.Go(func() { srv.ServePort(port) })
	return port.Addr().String(), func() {
		srv.Close()
		running.Wait()
	}
}

// BenchmarkGETs and BenchmarkEchos are the same from 64 sockets at once.
func BenchmarkGETs(b *testing.B) {
	answer := coap.Content(message.TextPlain, []byte("21.5"))
	addr, stop := benchServer(b, coap.HandlerFunc(func(context.Context, *coap.Request) *coap.Message { return answer }))
	defer stop()
	id := keys()
	ask := coap.Message{Code: coap.GET, Options: message.Options{{ID: message.URIPath, Value: []byte("temperature")}}}
	together(b, func() (func() error, func()) {
		c, err := node.Dial(b.Context(), addr, node.Config{
			Trust: id.server[handshake.XWing].ServerCredential(), Suite: handshake.XWing,
		})
		if err != nil {
			b.Fatal(err)
		}
		return func() error {
			_, err := c.Do(b.Context(), ask)
			return err
		}, func() { c.Close() }
	})
}

func BenchmarkEchos(b *testing.B) {
	echo := loopback(b)
	defer echo.Close()
	go sendBack(echo)
	to := echo.LocalAddr().(*net.UDPAddr).AddrPort()
	together(b, func() (func() error, func()) {
		client := loopback(b)
		buf := make([]byte, 50)
		return func() error {
			client.WriteToUDPAddrPort(buf, to)
			_, _, err := client.ReadFromUDPAddrPort(buf)
			return err
		}, func() { client.Close() }
	})
}

// spent reports the processor time of the process for one operation, which other processes on
// the machine change less than they do the time that passes.
func spent(b *testing.B) func() {
	before := processTime(b)
	return func() { b.ReportMetric(float64(processTime(b)-before)/float64(b.N), "cpu-ns/op") }
}

func processTime(b *testing.B) int64 {
	var use syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &use); err != nil {
		b.Fatal(err)
	}
	return use.Utime.Nano() + use.Stime.Nano()
}

// together runs 64 clients, each of which does one thing after another.
func together(b *testing.B, client func() (do func() error, stop func())) {
	const clients = 64
	var left atomic.Int64
	var running sync.WaitGroup
	var dos []func() error
	for range clients {
		do, stop := client()
		defer stop()
		dos = append(dos, do)
	}
	b.ReportAllocs()
	b.ResetTimer()
	defer spent(b)()
	left.Store(int64(b.N))
	for _, do := range dos {
		running.Go(func() {
			for left.Add(-1) >= 0 {
				if err := do(); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	running.Wait()
}
