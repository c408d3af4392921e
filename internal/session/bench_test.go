package session

import (
	"net/netip"
	"testing"
	"time"

	"github.com/plgd-dev/go-coap/v3/message"

	"github.com/pqcoap/pqcoap/coap"
	"github.com/pqcoap/pqcoap/handshake"
)

// BenchmarkGet is a request with a small answer through both ends, without sockets, and what
// each end takes of it.
//
// go test -run - -bench Get ./internal/session
func BenchmarkGet(b *testing.B) {
	p := newPair(&testing.T{}, newTestServer(nil), deviceConfig(handshake.ModeKEM))
	p.confirm()
	now := p.now
	get := coap.Message{Code: coap.GET, Options: message.Options{{ID: message.URIPath, Value: []byte("temperature")}}}
	answer := *coap.Content(message.TextPlain, []byte("21.5"))
	var up, down Outbox
	var device, server time.Duration
	b.ReportAllocs()
	for b.Loop() {
		now = now.Add(50 * time.Microsecond)
		up.Reset()
		down.Reset()
		start := time.Now()
		if _, err := p.device.Request(now, get, coap.RequestOptions{}, &up); err != nil {
			b.Fatal(err)
		}
		p.device.Deadline()
		sent := time.Now()
		for _, d := range up.All() {
			p.server.Receive(now, address, netip.Addr{}, d, &down)
		}
		for ev, ok := p.server.Next(); ok; ev, ok = p.server.Next() {
			if ev.Kind == EventRequest {
				p.server.Respond(now, ev.Session, ev.ID, answer, nil, &down)
			}
		}
		p.server.Deadline()
		answered := time.Now()
		for _, d := range down.All() {
			p.device.Receive(now, d, &up)
		}
		got := false
		for ev, ok := p.device.Next(); ok; ev, ok = p.device.Next() {
			got = got || ev.Kind == EventResponse && ev.Err == nil
		}
		p.device.Deadline()
		if !got {
			b.Fatal("no response")
		}
		device += sent.Sub(start) + time.Since(answered)
		server += answered.Sub(sent)
	}
	b.ReportMetric(float64(device.Nanoseconds())/float64(b.N), "device-ns/op")
	b.ReportMetric(float64(server.Nanoseconds())/float64(b.N), "server-ns/op")
}
