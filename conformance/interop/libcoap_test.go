package interop

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
	"time"
)

// libcoap is coap-client, one process a request.
type libcoap struct {
	// args are given with every request.
	args []string
}

// received is a message that coap-client shows it has got: its code and its options.
var received = regexp.MustCompile(`received \d+ bytes\n.* c:(\d\.\d\d) [^\[]*\[([^\]]*)\]`)

var etagOption = regexp.MustCompile(`ETag:0x([0-9a-f]+)`)

// do tells the response from the trace of messages. The exit code says nothing: it is 0 too
// where a transfer was cut.
func (c libcoap) do(t *testing.T, r request) response {
	t.Helper()
	out := filepath.Join(t.TempDir(), "out")
	args := append([]string{"-v", "7", "-o", out, "-m", r.method}, c.args...)
	args = append(args, requestArgs(t, &r)...)
	p := start(t, coapClient, append(args, r.uri)...)
	if code := p.wait(t); code != 0 {
		t.Errorf("coap-client ended with %d", code)
	}
	var last [][]byte
	for _, m := range received.FindAllSubmatch([]byte(p.log.String()), -1) {
		if string(m[1]) != "0.00" { // empty: an ACK or a RST
			last = m
		}
	}
	if last == nil {
		return response{}
	}
	resp := response{code: string(last[1])}
	if m := etagOption.FindSubmatch(last[2]); m != nil {
		resp.etag = string(m[1])
	}
	body, err := os.ReadFile(out)
	if err != nil && !os.IsNotExist(err) { // it makes none where nothing came
		t.Error(err)
	}
	resp.body = body
	return resp
}

func requestArgs(t *testing.T, r *request) []string {
	var args []string
	if r.body != nil {
		in := filepath.Join(t.TempDir(), "in")
		if err := os.WriteFile(in, r.body, 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, "-f", in)
	}
	if r.block > 0 {
		args = append(args, "-b", strconv.Itoa(r.block))
	}
	if r.non {
		args = append(args, "-N")
	}
	for _, o := range r.options {
		switch {
		case o.number == optContentFormat:
			args = append(args, "-t", strconv.FormatUint(number(o.value), 10))
		case len(o.value) == 0:
			args = append(args, "-O", fmt.Sprintf("%d,", o.number))
		default:
			args = append(args, "-O", fmt.Sprintf("%d,0x%x", o.number, o.value))
		}
	}
	return args
}

// number reads the value of an option that is a number.
func number(value []byte) (n uint64) {
	for _, b := range value {
		n = n<<8 | uint64(b)
	}
	return n
}

// watch is coap-client with -s.
type watch struct {
	*process
	out string // file of all bodies, one after the other
}

// observe has coap-client observe for some seconds, from when it is answered. That is the only
// way to have it cancel.
func (c libcoap) observe(t *testing.T, uri string, soon bool) observation {
	t.Helper()
	seconds := "600"
	if soon {
		seconds = "2"
	}
	out := filepath.Join(t.TempDir(), "out")
	args := append([]string{"-v", "7", "-m", "get", "-s", seconds, "-o", out}, c.args...)
	return watch{start(t, coapClient, append(args, uri)...), out}
}

func (w watch) has(t *testing.T, body string) bool {
	t.Helper()
	got, err := os.ReadFile(w.out)
	if err != nil && !os.IsNotExist(err) {
		t.Error(err)
	}
	return bytes.Contains(got, []byte(body))
}

// next finds a body in the trace of messages, or, where it comes in blocks, in the output.
func (w watch) next(t *testing.T, body string) {
	t.Helper()
	for limit := time.Now().Add(patience); len(body) > 1024; time.Sleep(20 * time.Millisecond) {
		if w.has(t, body) {
			return
		}
		if time.Now().After(limit) {
			t.Fatalf("a body of %d bytes does not come", len(body))
		}
	}
	w.await(t, fmt.Sprintf(`received \d+ bytes\n.* c:2\.05 [^\[]*\[[^\]]* Observe:[^\]]*\] :: '%s'`, regexp.QuoteMeta(body)))
}

// cancel waits until it does so by itself: it has no other way.
func (w watch) cancel(t *testing.T) {
	t.Helper()
	w.await(t, `clear observation relationship`)
	w.wait(t)
}

// startCoapServer starts libcoap's server on a port of the kernel's choice; it makes a
// resource of what is PUT.
func startCoapServer(t *testing.T) (addr string, p *process) {
	t.Helper()
	need(t, coapServer)
	p = start(t, coapServer, "-A", "127.0.0.1", "-p", "0", "-d", "1000", "-v", "7")
	return p.await(t, `created UDP +endpoint (127\.0\.0\.1:\d+)\n`)[1], p
}

func TestReceived(t *testing.T) {
	text := "Nov 25 DEBG *  1 <-> 2 UDP : received 48 bytes\n" +
		"v:1 t:ACK c:2.05 i:7984 {02000000000002} [ ETag:0x0faf681b, Max-Age:3600 ] :: 'x'\n"
	m := received.FindSubmatch([]byte(text))
	if m == nil || !bytes.Equal(m[1], []byte("2.05")) || string(etagOption.FindSubmatch(m[2])[1]) != "0faf681b" {
		t.Errorf("%q", m)
	}
}
