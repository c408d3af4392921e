package interop

import (
	"encoding/hex"
	"encoding/json"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// nodecoap is node-coap as a client, one process a request.
type nodecoap struct{}

// nodeRequest is what client.js reads.
type nodeRequest struct {
	Method  string       `json:"method"`
	URI     string       `json:"uri"`
	Body    string       `json:"body"` // hex, as all values
	Options []nodeOption `json:"options"`
	Block   int          `json:"block"`
	Non     bool         `json:"non"`
	Observe bool         `json:"observe"`
}

type nodeOption struct {
	Number int    `json:"number"`
	Value  string `json:"value"`
}

// nodeMethod is how node-coap spells a method.
func nodeMethod(method string) string {
	if method == "ipatch" {
		return "iPATCH"
	}
	return strings.ToUpper(method)
}

func startNodeClient(t *testing.T, r request, observe bool) *process {
	t.Helper()
	n := nodeRequest{nodeMethod(r.method), r.uri, hex.EncodeToString(r.body), []nodeOption{}, r.block, r.non, observe}
	if n.Block == 0 {
		n.Block = 1024
	}
	for _, o := range r.options {
		n.Options = append(n.Options, nodeOption{o.number, hex.EncodeToString(o.value)})
	}
	line, err := json.Marshal(n)
	if err != nil {
		t.Fatal(err)
	}
	p := start(t, nodeJS, filepath.Join("nodecoap", "client.js"))
	if _, err := p.in.Write(append(line, '\n')); err != nil {
		t.Fatal(err)
	}
	return p
}

func (nodecoap) do(t *testing.T, r request) response {
	t.Helper()
	p := startNodeClient(t, r, false)
	p.wait(t)
	var answer struct{ Code, ETag, Body, Error string }
	if err := json.Unmarshal([]byte(p.log.String()), &answer); err != nil || answer.Error != "" {
		t.Errorf("node-coap: %v, %s", err, answer.Error)
	}
	body, err := hex.DecodeString(answer.Body)
	if err != nil {
		t.Error(err)
	}
	return response{answer.Code, body, answer.ETag}
}

// nodeWatch is a client that observes.
type nodeWatch struct{ *process }

func (nodecoap) observe(t *testing.T, uri string, _ bool) observation {
	t.Helper()
	return nodeWatch{startNodeClient(t, request{method: "get", uri: uri}, true)}
}

func (w nodeWatch) next(t *testing.T, body string) {
	t.Helper()
	w.await(t, regexp.QuoteMeta(`"body":"`+hex.EncodeToString([]byte(body))+`"`))
}

func (w nodeWatch) has(_ *testing.T, body string) bool {
	return strings.Contains(w.log.String(), hex.EncodeToString([]byte(body)))
}

func (w nodeWatch) cancel(t *testing.T) {
	t.Helper()
	if _, err := w.in.Write([]byte("\n")); err != nil {
		t.Fatal(err)
	}
	w.await(t, "cancelled\n")
}

// startNodeServer starts server.js on a port of the kernel's choice.
func startNodeServer(t *testing.T) (addr string, p *process) {
	t.Helper()
	need(t, nodeJS)
	p = start(t, nodeJS, filepath.Join("nodecoap", "server.js"))
	return p.await(t, `listening on (127\.0\.0\.1:\d+)\n`)[1], p
}
