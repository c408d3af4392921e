package interop

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"
)

func (w *world) get(t *testing.T, c client) {
	path := newPath()
	c.do(t, request{method: "get", uri: w.at(path)}).wantCode(t, "4.04")
	w.keep(t, path, []byte("kept"))
	c.do(t, request{method: "get", uri: w.at(path)}).want(t, "2.05", []byte("kept"))
}

func (w *world) put(t *testing.T, c client) {
	path := newPath()
	for _, step := range []struct{ code, body string }{{"2.01", "first"}, {"2.04", "second"}} {
		r := request{method: "put", uri: w.at(path), body: []byte(step.body), options: []option{{optContentFormat, nil}}}
		c.do(t, r).wantCode(t, step.code)
		w.kept(t, path, r.body)
	}
}

func (w *world) post(t *testing.T, c client) {
	r := request{method: "post", uri: w.at(newPath()), body: []byte("posted"), options: []option{{optContentFormat, []byte{42}}}}
	c.do(t, r).want(t, "2.04", r.body)
}

func (w *world) delete(t *testing.T, c client) {
	path := newPath()
	w.keep(t, path, []byte("kept"))
	c.do(t, request{method: "delete", uri: w.at(path)}).wantCode(t, "2.02")
	w.kept(t, path, nil)
}

func (w *world) fetch(t *testing.T, c client) {
	path := newPath()
	w.keep(t, path, []byte("kept"))
	r := request{method: "fetch", uri: w.at(path), body: []byte("what is "), options: []option{{optContentFormat, []byte{42}}}}
	c.do(t, r).want(t, "2.05", []byte("what is kept"))
}

func (w *world) patch(t *testing.T, c client) {
	for _, method := range []string{"patch", "ipatch"} {
		path := newPath()
		w.keep(t, path, []byte("old"))
		r := request{method: method, uri: w.at(path), body: []byte(" and new"), options: []option{{optContentFormat, []byte{42}}}}
		c.do(t, r).wantCode(t, "2.04")
		w.kept(t, path, []byte("old and new"))
	}
}

// up has a body of 100 kB go up, in blocks of one size and another.
func (w *world) up(t *testing.T, c client) {
	for _, block := range []int{1024, 256} {
		path, body := newPath(), large()
		c.do(t, request{method: "put", uri: w.at(path), body: body, block: block}).wantCode(t, "2.01")
		w.kept(t, path, body)
	}
}

// upOnce is one body of 100 kB.
func (w *world) upOnce(t *testing.T, c client) {
	path, body := newPath(), large()
	c.do(t, request{method: "put", uri: w.at(path), body: body}).wantCode(t, "2.01")
	w.kept(t, path, body)
}

func (w *world) down(t *testing.T, c client) {
	path, body := newPath(), large()
	w.keep(t, path, body)
	for _, block := range []int{0, 256} {
		c.do(t, request{method: "get", uri: w.at(path), block: block}).want(t, "2.05", body)
	}
}

func (w *world) observe(t *testing.T, c client) {
	path := newPath()
	w.keep(t, path, []byte("value-0"))
	o := c.observe(t, w.at(path), false)
	o.next(t, "value-0")
	for _, value := range []string{"value-1", "value-2", "value-3"} {
		w.keep(t, path, []byte(value))
		o.next(t, value)
	}
}

// cancel has the upstream hear that its observer is gone.
func (w *world) cancel(t *testing.T, c client) {
	path := newPath()
	w.keep(t, path, []byte("value"))
	o := c.observe(t, w.at(path), true)
	o.next(t, "value")
	o.cancel(t)
	awaitText(t, w.log, deregistered(path))
}

// deregistered is a GET with Observe 1, as the logs of the three servers show it.
func deregistered(path string) string {
	return `GET ` + path + ` observe 1|c:GET .*Observe:1,.*Uri-Path:` + path[1:] + `[ ,]`
}

func (w *world) valid(t *testing.T, c client) {
	path := newPath()
	w.keep(t, path, []byte("kept"))
	first := c.do(t, request{method: "get", uri: w.at(path)})
	first.want(t, "2.05", []byte("kept"))
	etag, err := hex.DecodeString(first.etag)
	if err != nil || len(etag) == 0 {
		t.Fatalf("ETag %q", first.etag)
	}
	again := c.do(t, request{method: "get", uri: w.at(path), options: []option{{optETag, etag}}})
	again.want(t, "2.03", nil)
	w.keep(t, path, []byte("other"))
	changed := c.do(t, request{method: "get", uri: w.at(path), options: []option{{optETag, etag}}})
	changed.want(t, "2.05", []byte("other"))
}

// separate has an upstream that acknowledges first and answers later.
func (w *world) separate(t *testing.T, c client) {
	c.do(t, request{method: "get", uri: w.at("/slow")}).want(t, "2.05", []byte("late"))
}

func (w *world) non(t *testing.T, c client) {
	path := newPath()
	w.keep(t, path, []byte("kept"))
	c.do(t, request{method: "get", uri: w.at(path), non: true}).want(t, "2.05", []byte("kept"))
}

// hops has a request that may pass one proxy meet two.
func (w *world) hops(t *testing.T, c client) {
	path := newPath()
	w.keep(t, path, []byte("kept"))
	c.do(t, request{method: "get", uri: w.at(path), options: []option{{optHopLimit, []byte{1}}}}).wantCode(t, "5.08")
	c.do(t, request{method: "get", uri: w.at(path), options: []option{{optHopLimit, []byte{9}}}}).want(t, "2.05", []byte("kept"))
}

// options has an elective option that nobody knows arrive, and a critical one refused.
func (w *world) options(t *testing.T, c client) {
	r := request{method: "get", uri: w.at("/options?a=b"), options: []option{{optAccept, nil}, {65000, []byte("elective")}}}
	got := c.do(t, r)
	if text := string(bytes.ToLower(got.body)); got.code != "2.05" || !strings.Contains(text, "65000="+hex.EncodeToString([]byte("elective"))) ||
		!strings.Contains(text, hex.EncodeToString([]byte("a=b"))) {
		t.Errorf("%s, the upstream got %q", got.code, got.body)
	}
	r = request{method: "get", uri: w.at("/options"), options: []option{{65003, []byte("critical")}}}
	c.do(t, r).wantCode(t, "4.02")
}

// forward has the client ask for a URI of the server's.
func (w *world) forward(t *testing.T, c client) {
	path := newPath()
	w.keep(t, path, []byte("kept"))
	r := request{method: "get", uri: w.at(""), options: []option{{optProxyURI, []byte("coap://127.0.0.1:5688" + path)}}}
	c.do(t, r).want(t, "2.05", []byte("kept"))
}

func (r response) wantCode(t *testing.T, code string) {
	t.Helper()
	if r.code != code {
		t.Errorf("got %q, want %s", r.code, code)
	}
}

// blocks is the body of a notification of several blocks.
var blocks = strings.Repeat("0123456789abcdef", 300)

func (w *world) bigNotification(t *testing.T, c client) {
	path := newPath()
	w.keep(t, path, []byte("small"))
	o := c.observe(t, w.at(path), false)
	o.next(t, "small")
	w.keep(t, path, []byte(blocks))
	o.next(t, blocks)
}

// missed has a client that gets the notifications before and after such a one, and not it.
func (w *world) missed(t *testing.T, c client) {
	path := newPath()
	w.keep(t, path, []byte("before"))
	o := c.observe(t, w.at(path), false)
	o.next(t, "before")
	w.keep(t, path, []byte(blocks))
	w.keep(t, path, []byte("after"))
	o.next(t, "after")
	if o.has(t, blocks) {
		t.Error("the notification of several blocks has come: it is offered now")
	}
}

// requestAsAck shows what go-coap's client does with a notification of several blocks.
func (w *world) requestAsAck(t *testing.T, c client) {
	path := newPath()
	w.keep(t, path, []byte("small"))
	h := startHole(t, w.proxy, nil, nil)
	o := c.observe(t, "coap://"+h.addr()+path, false)
	o.next(t, "small")
	w.keep(t, path, []byte(blocks))
	awaitText(t, h.log, `(?m)^up 6801`) // an acknowledgement with a token of 8 bytes that is a GET
	if o.has(t, blocks) {
		t.Error("the notification of several blocks has come: it is offered now")
	}
}
