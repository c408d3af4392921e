package conformance

import (
	"io"
	"net"
	"runtime"
	"testing"

	"github.com/pqcoap/pqcoap/coap"
	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/node"
	"github.com/pqcoap/pqcoap/server"
)

// BenchmarkStream sends 10 MiB to a server on loopback and fetches them, neither end holding
// more than a window. heap-MB is what both have allocated afterwards, together.
func BenchmarkStream(b *testing.B) {
	const size = 10 << 20
	body := &firmware{size: size}
	srv, err := server.New(server.Config{
		Keys: []*handshake.PrivateKey{keys().server[handshake.XWing]}, Authorize: authorize, Handler: &store{body: body, max: size},
	})
	if err != nil {
		b.Fatal(err)
	}
	socket, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		b.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- srv.Serve(socket) }()
	defer func() {
		srv.Close()
		<-done
	}()
	c, err := node.Dial(b.Context(), socket.LocalAddr().String(), config(handshake.XWing, handshake.ModeKEM))
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	for name, exchange := range map[string]struct {
		m    coap.Message
		body coap.Body
	}{"up": {streamRequest(coap.PUT, "put"), body}, "down": {streamRequest(coap.GET, "get"), nil}} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(size)
			for b.Loop() {
				_, content, err := c.Stream(b.Context(), exchange.m, exchange.body)
				if err != nil {
					b.Fatal(err)
				}
				if _, err := io.Copy(io.Discard, content); err != nil {
					b.Fatal(err)
				}
				content.Close()
			}
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			b.ReportMetric(float64(m.HeapInuse)/1e6, "heap-MB")
		})
	}
}
