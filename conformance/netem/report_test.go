package netem

import (
	"errors"
	"strings"
	"testing"
	"time"
)

const pingOutput = `{"handshakes":2,"failed":0,"handshake_ms":{"p50":101,"p95":120,"p99":120,"max":120.5},` +
	`"first_answer_ms":{"p50":202,"p95":240,"p99":240,"max":241},"bytes_out":6000,"bytes_in":5600,` +
	`"datagrams_out":16,"datagrams_in":14,"request_bytes_out":60,"request_bytes_in":90}` + "\n"

var pinged = Scenario{Handshakes: 2, Fastest: 100 * time.Millisecond, Most: 10_000}

func TestPing(t *testing.T) {
	p, err := ParsePing([]byte(pingOutput))
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Check(&pinged); err != nil {
		t.Errorf("Check = %v, want nil", err)
	}
	if p.HandshakeMS.Max != 120.5 || p.FirstAnswerMS.P50 != 202 || p.DatagramsIn != 14 || p.RequestIn != 90 {
		t.Errorf("ParsePing = %+v", p)
	}
}

// Each row changes one thing that Check has to notice.
func TestPingCheck(t *testing.T) {
	tests := []struct{ name, old, new string }{
		{"fewer handshakes", `"handshakes":2`, `"handshakes":1`},
		{"no handshakes", `"handshakes":2`, `"handshake":2`},
		{"a failure", `"failed":0`, `"failed":1`},
		{"nothing measured", `"p50":101,"p95":120,"p99":120,"max":120.5`, `"p50":null,"p95":null,"p99":null,"max":null`},
		{"percentiles out of order", `"p95":120,`, `"p95":100.5,`},
		{"answers out of order", `"p99":240`, `"p99":242`},
		{"the answer before the handshake", `"p50":202,"p95":240,"p99":240,"max":241`, `"p50":20,"p95":24,"p99":24,"max":24`},
		{"faster than the link", `"p50":101`, `"p50":99`},
		{"too few bytes out", `"bytes_out":6000`, `"bytes_out":4671`},
		{"a storm", `"bytes_out":6000`, `"bytes_out":20001`},
		{"too few bytes in", `"bytes_in":5600`, `"bytes_in":4479`},
		{"a storm of answers", `"bytes_in":5600`, `"bytes_in":20001`},
		{"datagrams too small for the bytes", `"datagrams_out":16`, `"datagrams_out":4`},
		{"answers too small for the bytes", `"datagrams_in":14`, `"datagrams_in":4`},
		{"no request", `"request_bytes_out":60`, `"request_bytes_out":0`},
		{"no answer", `"request_bytes_in":90`, `"request_bytes_in":0`},
	}
	for _, test := range tests {
		changed := strings.Replace(pingOutput, test.old, test.new, 1)
		if changed == pingOutput {
			t.Fatalf("%s: nothing changed", test.name)
		}
		p, err := ParsePing([]byte(changed))
		if err != nil {
			t.Errorf("%s: ParsePing: %v", test.name, err)
		}
		if err := p.Check(&pinged); !errors.Is(err, ErrResult) {
			t.Errorf("%s: Check = %v, want %v", test.name, err, ErrResult)
		}
	}
}

func TestParsePingRejects(t *testing.T) {
	for n := range strings.TrimSpace(pingOutput) {
		if _, err := ParsePing([]byte(pingOutput[:n])); !errors.Is(err, ErrFormat) {
			t.Errorf("%d-byte prefix: error = %v, want %v", n, err, ErrFormat)
		}
	}
	for _, text := range []string{
		pingOutput + pingOutput,
		pingOutput + "handshake 1: no answer",
		strings.Replace(pingOutput, `"failed"`, `"refused"`, 1),
		strings.Replace(pingOutput, `6000`, `"6000"`, 1),
	} {
		if _, err := ParsePing([]byte(text)); !errors.Is(err, ErrFormat) {
			t.Errorf("ParsePing(%s) = %v, want %v", text, err, ErrFormat)
		}
	}
}

func TestParseReadings(t *testing.T) {
	tests := []struct {
		text string
		n    int
		err  error
	}{
		{`{"code":"2.05","content_format":112,"bytes":30,"payload":[{"n":"a","v":21.5},{"n":"b","v":0}]}`, 2, nil},
		{`{"code":"2.05","bytes":1,"payload":[]}`, 0, nil},
		{`{"code":"4.04","bytes":0}`, 0, ErrResult},
		{`{"bytes":0}`, 0, ErrResult},
		{`{"code":"2.05","payload":[{"n":"a"}]}`, 0, ErrFormat},
		{`{"code":"2.05","payload":"text"}`, 0, ErrFormat},
		{`{"code":"2.05","payload":[]}}`, 0, ErrFormat},
		{``, 0, ErrFormat},
	}
	for _, test := range tests {
		if n, err := ParseReadings([]byte(test.text)); n != test.n || !errors.Is(err, test.err) {
			t.Errorf("ParseReadings(%s) = %d, %v; want %d, %v", test.text, n, err, test.n, test.err)
		}
	}
}

const queueOutput = `qdisc netem 8003: root refcnt 2 limit 1000 delay 40ms  15ms reorder 25% gap 1
 Sent 38888 bytes 86 pkt (dropped 185, overlimits 0 requeues 7) 
 backlog 0b 0p requeues 7
`

func TestParseQueue(t *testing.T) {
	q, err := ParseQueue([]byte(queueOutput))
	if want := (Queue{Sent: 86, Dropped: 185, Reordered: 7}); err != nil || q != want {
		t.Errorf("ParseQueue = %+v, %v; want %+v", q, err, want)
	}
	for _, text := range []string{
		"",
		queueOutput[:100],
		strings.Replace(queueOutput, "netem", "noqueue", 1),
		strings.Replace(queueOutput, "185", "many", 1),
		strings.Replace(queueOutput, "185", "18446744073709551616", 1),
	} {
		if _, err := ParseQueue([]byte(text)); !errors.Is(err, ErrFormat) {
			t.Errorf("ParseQueue(%q) = %v, want %v", text, err, ErrFormat)
		}
	}
}
