package interop

import (
	"testing"
	"time"

	"github.com/pqcoap/pqcoap/conformance/relay"
)

// A stage is where the clients of 'pqcoap-node proxy' are tried.
type stage struct {
	*world        // before an upstream that offers everything
	lossy  *world // the same, over a link that loses one datagram in ten each way
	alone  *world // without an upstream
	blocks *world // before one that sends notifications of several blocks
}

var lossyLink = relay.Link{Delay: 5 * time.Millisecond, Loss: 0.1}

func startStage(t *testing.T) *stage {
	t.Helper()
	addr, p := startNodeServer(t)
	other, store := startGoServer(t)
	return &stage{
		startWorld(t, addr, p.log, relay.Link{}),
		startWorld(t, addr, p.log, lossyLink),
		startWorld(t, "", nil, relay.Link{}),
		startWorld(t, other, store.log, relay.Link{}),
	}
}

// here tries something in the world without losses.
func here(run func(*world, *testing.T, client)) func(*stage, *testing.T, client) {
	return func(s *stage, t *testing.T, c client) { run(s.world, t, c) }
}

// inBlocks tries something where notifications may have several blocks.
func inBlocks(run func(*world, *testing.T, client)) func(*stage, *testing.T, client) {
	return func(s *stage, t *testing.T, c client) { run(s.blocks, t, c) }
}

// lossy tries something over the link that loses datagrams.
func lossy(run func(*world, *testing.T, client)) func(*stage, *testing.T, client) {
	return func(s *stage, t *testing.T, c client) { run(s.lossy, t, c) }
}

var proxied = matrix[*stage]{
	test:  "TestProxy",
	peers: clients,
	features: []feature[*stage]{
		{name: "time", title: "GET /time of pqcoap-server itself", run: (*stage).time},
		{name: "get", title: "GET, and 4.04", run: here((*world).get)},
		{name: "put", title: "PUT: 2.01, then 2.04", run: here((*world).put)},
		{name: "post", title: "POST", run: here((*world).post)},
		{name: "delete", title: "DELETE", run: here((*world).delete)},
		{name: "fetch", title: "FETCH", run: here((*world).fetch), variants: goMethodNotes},
		{name: "patch", title: "PATCH and iPATCH", run: here((*world).patch), variants: goMethodNotes},
		{name: "up", title: "PUT of 100 kB, in blocks of 1024 and 256 bytes", run: here((*world).up), variants: map[string]variant[*stage]{
			"node-coap": {note: "It cuts a body into blocks where the program sets Block1, and not by itself."},
		}},
		{name: "down", title: "GET of 100 kB, in blocks of 1024 and 256 bytes", run: here((*world).down)},
		{name: "observe", title: "Observe: four values, each seen", run: here((*world).observe)},
		{name: "notification", title: "Observe: a notification of several blocks", run: inBlocks((*world).bigNotification), variants: map[string]variant[*stage]{
			"node-coap": {lacks: true, run: inBlocks((*world).missed), note: "node-coap's client fetches all blocks and drops the body: it looks for Observe " +
				"in the last block, and only the first has it (RFC 7959 section 2.6)."},
			"go-coap": {lacks: true, run: inBlocks((*world).requestAsAck), note: "go-coap's client acknowledges the first block with a request for the second in " +
				"the same message, which is none (RFC 7252 section 4.2)."},
		}},
		{name: "cancel", title: "Observe cancelled; the server behind hears of it", run: here((*world).cancel)},
		{name: "etag", title: "ETag: 2.03, and 2.05 after a change", run: here((*world).valid)},
		{name: "separate", title: "a server that acknowledges first and answers later", run: here((*world).separate)},
		{name: "non", title: "NON", run: here((*world).non)},
		{name: "options", title: "an elective option that nobody knows arrives, a critical one gets 4.02; Uri-Query", run: here((*world).options)},
		{name: "hops", title: "Hop-Limit: 5.08 where it is used up (RFC 8768)", run: here((*world).hops)},
		{name: "forward", title: "as a forward proxy: Proxy-Uri", run: here((*world).forward)},
		{name: "get-loss", title: "GET at 10 % loss", run: lossy((*world).get)},
		{name: "put-loss", title: "PUT of 100 kB at 10 % loss", run: lossy((*world).upOnce)},
		{name: "observe-loss", title: "Observe at 10 % loss", run: lossy((*world).observe)},
	},
}

var goMethodNotes = map[string]variant[*stage]{
	"go-coap": {note: "It has no name for the method; the program sets the code."},
}

func TestProxy(t *testing.T) {
	t.Parallel()
	need(t, nodeJS) // for the server behind
	s := startStage(t)
	proxied.run(t, func(_ *testing.T, p peer) (*stage, client) { return s, clientOf(p) })
}

// time asks our server itself.
func (s *stage) time(t *testing.T, c client) {
	r := c.do(t, request{method: "get", uri: s.alone.at("/time")})
	if _, err := time.Parse(time.RFC3339, string(r.body)); r.code != "2.05" || err != nil {
		t.Errorf("%s %q, %v", r.code, r.body, err)
	}
}
