package interop

import (
	"encoding/hex"
	"testing"

	"github.com/pqcoap/pqcoap/conformance/relay"
)

// servers are the peers behind 'pqcoap-server run -upstream'; coap-client asks them.
var servers = []peer{
	{"libcoap", "coap-server (libcoap)", []string{coapClient, coapServer}},
	{"node-coap", "node-coap", []string{coapClient, nodeJS}},
	{"go-coap", "go-coap", []string{coapClient}},
}

var upstreams = matrix[*stage]{
	test:  "TestUpstream",
	peers: servers,
	features: []feature[*stage]{
		{name: "get", title: "GET, and 4.04", run: here((*world).get)},
		{name: "put", title: "PUT: 2.01, then 2.04", run: here((*world).put)},
		{name: "post", title: "POST", run: here((*world).post), variants: map[string]variant[*stage]{
			"libcoap": {run: here((*world).create), note: "coap-server makes a resource of what is POSTed: 2.01 with Location-Path."},
		}},
		{name: "delete", title: "DELETE", run: here((*world).delete)},
		{name: "fetch", title: "FETCH", run: here((*world).fetch), variants: map[string]variant[*stage]{
			"libcoap": {lacks: true, run: here(refuses("fetch")), note: noMethod},
		}},
		{name: "patch", title: "PATCH and iPATCH", run: here((*world).patch), variants: map[string]variant[*stage]{
			"libcoap": {lacks: true, run: here(refuses("patch", "ipatch")), note: noMethod},
		}},
		{name: "up", title: "PUT of 100 kB, in blocks of 1024 and 256 bytes", run: here((*world).up)},
		{name: "down", title: "GET of 100 kB, in blocks of 1024 and 256 bytes", run: here((*world).down)},
		{name: "observe", title: "Observe: four values, each seen", run: here((*world).observe)},
		{name: "notification", title: "Observe: a notification of several blocks", run: here((*world).bigNotification), variants: map[string]variant[*stage]{
			"node-coap": {lacks: true, run: here((*world).notSent), note: "node-coap's server does not send a notification larger than a datagram."},
		}},
		{name: "cancel", title: "Observe cancelled; the server hears of it", run: here((*world).cancel)},
		{name: "etag", title: "ETag: 2.03, and 2.05 after a change", run: here((*world).valid), variants: map[string]variant[*stage]{
			"libcoap": {lacks: true, run: here((*world).neverValid), note: "coap-server gives an ETag with bodies of several blocks only, and " +
				"never answers 2.03: the body comes again, with another ETag."},
		}},
		{name: "separate", title: "it acknowledges first and answers later", run: here((*world).separate), variants: map[string]variant[*stage]{
			"libcoap": {run: here((*world).async), note: "At its /async, after a second."},
		}},
		{name: "non", title: "NON from the client", run: here((*world).non)},
		{name: "options", title: "an elective option that nobody knows arrives, a critical one gets 4.02; Uri-Query", run: here((*world).options),
			variants: map[string]variant[*stage]{"libcoap": {run: here((*world).optionsSeen), note: "As its log shows."}}},
		{name: "get-loss", title: "GET at 10 % loss", run: lossy((*world).get)},
		{name: "put-loss", title: "PUT of 100 kB at 10 % loss", run: lossy((*world).upOnce)},
		{name: "observe-loss", title: "Observe at 10 % loss", run: lossy((*world).observe)},
	},
}

const noMethod = "coap-server answers 4.05, which arrives."

func TestUpstream(t *testing.T) {
	t.Parallel()
	upstreams.run(t, func(t *testing.T, p peer) (*stage, client) {
		addr, log := startServer(t, p)
		return &stage{world: startWorld(t, addr, log, relay.Link{}), lossy: startWorld(t, addr, log, lossyLink)}, libcoap{}
	})
}

// startServer starts the server of a peer, and gives its log.
func startServer(t *testing.T, p peer) (addr string, log *transcript) {
	t.Helper()
	switch p.name {
	case "libcoap":
		addr, server := startCoapServer(t)
		return addr, server.log
	case "node-coap":
		addr, server := startNodeServer(t)
		return addr, server.log
	}
	addr, store := startGoServer(t)
	return addr, store.log
}

func (w *world) create(t *testing.T, c client) {
	path := newPath()
	r := request{method: "post", uri: w.at(path), body: []byte("posted"), options: []option{{optContentFormat, nil}}}
	c.do(t, r).wantCode(t, "2.01")
	w.kept(t, path, r.body)
}

// refuses has methods that are answered 4.05.
func refuses(methods ...string) func(*world, *testing.T, client) {
	return func(w *world, t *testing.T, c client) {
		path := newPath()
		w.keep(t, path, []byte("kept"))
		for _, method := range methods {
			r := request{method: method, uri: w.at(path), body: []byte("what"), options: []option{{optContentFormat, nil}}}
			c.do(t, r).wantCode(t, "4.05")
		}
		w.kept(t, path, []byte("kept"))
	}
}

func (w *world) neverValid(t *testing.T, c client) {
	path, body := newPath(), large()[:3000]
	w.keep(t, path, body)
	first := c.do(t, request{method: "get", uri: w.at(path)})
	first.want(t, "2.05", body)
	etag, err := hex.DecodeString(first.etag)
	if err != nil || len(etag) == 0 {
		t.Fatalf("ETag %q", first.etag)
	}
	again := c.do(t, request{method: "get", uri: w.at(path), options: []option{{optETag, etag}}})
	again.want(t, "2.05", body)
}

func (w *world) async(t *testing.T, c client) {
	c.do(t, request{method: "get", uri: w.at("/async?1")}).want(t, "2.05", []byte("done"))
}

// notSent has a server that gives a notification up.
func (w *world) notSent(t *testing.T, c client) {
	path := newPath()
	w.keep(t, path, []byte("small"))
	o := c.observe(t, w.at(path), false)
	o.next(t, "small")
	w.keep(t, path, []byte(blocks))
	awaitText(t, w.log, "not sent "+path+" ")
	if o.has(t, blocks) {
		t.Error("the notification of several blocks has come: it is offered now")
	}
}

// optionsSeen looks for what has arrived in the log of coap-server.
func (w *world) optionsSeen(t *testing.T, c client) {
	path := newPath()
	w.keep(t, path, []byte("kept"))
	r := request{method: "get", uri: w.at(path + "?a=b"), options: []option{{65000, []byte("elective")}}}
	c.do(t, r).want(t, "2.05", []byte("kept"))
	awaitText(t, w.log, `c:GET .*Uri-Path:`+path[1:]+`, Uri-Query:a=b, .*65000:`)
	r = request{method: "get", uri: w.at(path), options: []option{{65003, []byte("critical")}}}
	c.do(t, r).wantCode(t, "4.02")
}
