package coap

import (
	"testing"
	"time"

	"github.com/plgd-dev/go-coap/v3/message/codes"
)

// BenchmarkRound is a small request and its response through two Conns.
func BenchmarkRound(b *testing.B) {
	client := NewConn(Config{Secure: true, Rand: testRand(1)})
	server := NewConn(Config{Secure: true, Rand: testRand(2), Pool: new(Pool)})
	request := Message{Code: codes.GET, Options: uriPath("temperature")}
	response := Message{Code: codes.Content, Payload: []byte("21.5")}
	var out Batch
	now := testStart
	b.ReportAllocs()
	for b.Loop() {
		now = now.Add(50 * time.Microsecond)
		out.Reset()
		if _, err := client.Request(now, request, RequestOptions{}, &out); err != nil {
			b.Fatal(err)
		}
		datagram := out.Datagram(0)
		server.Receive(now, datagram, &out)
		e, ok := server.Next()
		if !ok {
			b.Fatal("no request")
		}
		server.Next()
		if err := server.Respond(now, e.ID, response, &out); err != nil {
			b.Fatal(err)
		}
		client.Receive(now, out.Datagram(1), &out)
		if e, _ = client.Next(); e.Kind != EventResponse {
			b.Fatal("no response")
		}
		client.Next()
		_, _ = client.Deadline(), server.Deadline()
	}
}
