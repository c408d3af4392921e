package interop

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/plgd-dev/go-coap/v3/options"

	"github.com/pqcoap/pqcoap/handshake"
)

// clients are the peers of the tables of clients.
var clients = []peer{
	{"libcoap", "coap-client (libcoap)", []string{coapClient}},
	{"node-coap", "node-coap", []string{nodeJS}},
	{"go-coap", "go-coap", nil},
}

func clientOf(p peer) client {
	return map[string]client{"libcoap": libcoap{}, "node-coap": nodecoap{}, "go-coap": gocoap{}}[p.name]
}

var plainLane = matrix[*lane]{
	test:  "TestPlainLane",
	peers: clients,
	features: []feature[*lane]{
		{name: "core", title: "GET /.well-known/core", run: (*lane).core},
		{name: "key", title: "GET /hs?s=1, in blocks of 1024, 64 and 256 bytes", run: (*lane).key},
		{name: "etag", title: "ETag: a second GET is answered 2.03", run: (*lane).valid},
		{name: "m1-64", title: "m1 in blocks of 64 bytes; the m2 opens it", run: posts(64), variants: nodeBlocks},
		{name: "m1-256", title: "m1 in blocks of 256 bytes", run: posts(256), variants: nodeBlocks},
		{name: "m1-1024", title: "m1 in blocks of 1024 bytes", run: posts(1024), variants: nodeBlocks},
		{name: "m1-loss", title: "m1 and m2 with datagrams lost", run: (*lane).lossy, variants: map[string]variant[*lane]{
			"libcoap": {run: (*lane).lossyClient, note: "Also with `-l 20% -B 300`, where coap-client itself loses one datagram in five."},
			"go-coap": {lacks: true, run: (*lane).lossyGo, note: "go-coap's client repeats the first block of a body and no later one: " +
				"what is lost behind it ends the transfer. A first block that is lost is repeated, and the m2 opens."},
		}},
		{name: "echo", title: "m1 where an Echo is demanded (`echo = \"always\"`)", run: (*lane).echo, variants: map[string]variant[*lane]{
			"node-coap": {note: echoNote},
			"go-coap":   {note: echoNote},
		}},
		{name: "refused", title: "what the plain lane refuses: 4.01, 4.02, 4.05, 4.15; an elective option that is not known is ignored", run: (*lane).refused},
	},
}

const echoNote = "It leaves Echo (RFC 9175) to the program that uses it, here the test's: that sends the option again."

// nodeBlocks is how node-coap cuts a body.
var nodeBlocks = map[string]variant[*lane]{
	"node-coap": {note: "It cuts a body into blocks where the program sets Block1, and not by itself."},
}

func TestPlainLane(t *testing.T) {
	t.Parallel()
	l := startLane(t)
	plainLane.run(t, func(_ *testing.T, p peer) (*lane, client) { return l, clientOf(p) })
}

// lossyClient has coap-client lose what it sends: the same datagrams each time, and one in
// five. Of those it may give up a message, after five times; then it is asked again.
func (l *lane) lossyClient(t *testing.T, _ client) {
	l.lossy(t, libcoap{})
	l.auto.post(t, libcoap{args: []string{"-l", "2,3,5"}}, l.auto.addr, 1024)
	c := libcoap{args: []string{"-l", "20%", "-B", "300"}}
	for range 3 {
		i := l.auto.initiator(t)
		r := c.do(t, m1(i, l.auto.addr, 0))
		if r.code != "2.04" { // it has given up
			continue
		}
		if _, err := i.Finish(r.body); err != nil && len(r.body) >= i.ResponseSize()-30 {
			t.Errorf("an m2 of %d bytes: %v", len(r.body), err)
		} else if err == nil {
			return
		}
	}
	t.Error("not one of three transfers")
}

// lossyGo shows what go-coap repeats and what not.
func (l *lane) lossyGo(t *testing.T, _ client) {
	post := func(lost int, again, limit time.Duration) (*handshake.Initiator, []byte, error) {
		i := l.auto.initiator(t)
		h := startHole(t, l.auto.addr, []int{lost}, nil)
		r := m1(i, h.addr(), 1024)
		conn, u := dial(t, r.uri, r.block, options.WithTransmission(1, again, 20))
		ctx, cancel := context.WithTimeout(t.Context(), limit)
		defer cancel()
		resp, err := conn.Do(goRequest(t, ctx, conn, u, &r))
		if err != nil {
			return i, nil, err
		}
		body, err := resp.ReadBody()
		return i, body, err
	}
	i, m2, err := post(1, 50*time.Millisecond, patience)
	if err == nil {
		_, err = i.Finish(m2)
	}
	if err != nil {
		t.Errorf("with the first block lost once: %v", err)
	}
	// Its own 2 s: where a slow machine has it repeat the first block, the second goes again too.
	if _, _, err = post(2, 2*time.Second, 7*time.Second); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("with the second block lost once: %v; go-coap has learnt to repeat it", err)
	}
}
