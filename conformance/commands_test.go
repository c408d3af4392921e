package conformance

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"
)

func TestCommands(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("SKIPPED: windows has no SIGTERM and no file modes")
	}
	c := buildCommands(t)
	t.Run("demo", func(t *testing.T) { c.at(t).demo() })
	c.ok("pqcoap-server init -dir home")
	c.ok("pqcoap-server enroll -dir home kem")
	c.ok("pqcoap-server enroll -dir home psk -psk")
	c.fails(1, "already enrolled", "pqcoap-server enroll -dir home kem -out other.toml")
	c.fails(1, "kem.toml exists", "pqcoap-server enroll -dir home kem")
	c.fails(1, "no key of suite 4", "pqcoap-server enroll -dir home new -suite 4")
	c.fails(1, "a key of suite 1 already", "pqcoap-server init -dir home")
	c.fails(1, "pqcoap-server init makes one", "pqcoap-server run -dir none")
	if out := c.ok("pqcoap-server list -dir home"); strings.Count(out, "\n") != 3 {
		t.Errorf("a failed enrolment has left something:\n%s", out)
	}

	addr, stop := c.serve("-dir", "home")
	t.Run("requests", func(t *testing.T) { c.at(t).requests(addr) })
	t.Run("sensor", func(t *testing.T) { c.at(t).sensor(addr) })
	t.Run("ping", func(t *testing.T) { c.at(t).ping(addr) })
	t.Run("bench", func(t *testing.T) { c.at(t).bench(addr) })
	t.Run("trust", func(t *testing.T) { c.at(t).trust(addr) })
	t.Run("files", func(t *testing.T) { c.at(t).files(addr) })
	t.Run("devices", func(t *testing.T) { c.at(t).devices(addr) })
	c.fails(1, "another server", "pqcoap-server run -dir home -listen 127.0.0.1:0")
	if log := stop(); !strings.Contains(log, "device=psk") || !strings.Contains(log, "msg=stopped") {
		t.Errorf("log of the server:\n%s", log)
	}

	addr, stop = c.serve("-dir", "home", "-echo", "always")
	if out := c.ok("pqcoap-node get -json -c kem.toml -server " + addr + " /telemetry?last=9"); strings.Count(out, "kem/temperature") != 3 {
		t.Errorf("readings after a restart: %s", out)
	}
	stop()
}

func (c *commands) requests(addr string) {
	large := strings.Repeat("0123456789", 500)
	c.write("large", large)
	for _, device := range []string{"kem", "psk"} {
		with := " -c " + device + ".toml -server " + addr + " "
		if _, err := time.Parse(time.RFC3339, c.ok("pqcoap-node get"+with+"/time")); err != nil {
			c.t.Error(err)
		}
		if out := c.ok("pqcoap-node get /.well-known/core" + with); !strings.Contains(out, "</telemetry>") {
			c.t.Errorf("links: %q", out)
		}
		if out := c.ok("pqcoap-node post -d hello /echo" + with); out != "hello" {
			c.t.Errorf("echo: %q", out)
		}
		if out := c.ok("pqcoap-node post -f large /echo" + with); out != large {
			c.t.Errorf("a large body came back as %d bytes, want %d", len(out), len(large))
		}
		if out := c.ok("pqcoap-node post -d {\"a\":1} -format 50 -json /echo" + with); out != `{"code":"2.04","content_format":50,"bytes":7,"payload":{"a":1}}`+"\n" {
			c.t.Errorf("echo as JSON: %q", out)
		}
		c.fails(4, "4.05 Method Not Allowed", "pqcoap-node put -d x /time"+with)
		c.fails(4, "4.05 Method Not Allowed", "pqcoap-node delete /time"+with)
		for _, method := range []string{"fetch", "patch", "ipatch"} {
			c.fails(4, "4.05 Method Not Allowed", "pqcoap-node "+method+" -d x /time"+with)
		}
		if out := c.ok("pqcoap-node observe -json -n 2 /time" + with); strings.Count(out, `{"code":"2.05","content_format":0,"bytes":20,`) != 2 {
			c.t.Errorf("two states of the time: %q", out)
		}
		c.fails(4, "4.00 Bad Request", "pqcoap-node observe /time?every=0"+with)
		c.fails(4, "4.04 Not Found", "pqcoap-node get /nothing"+with)
		c.fails(4, "4.04 Not Found: no reading yet", "pqcoap-node get /telemetry"+with)
		c.fails(4, "4.00 Bad Request", "pqcoap-node post -format 110 -d [] /telemetry"+with)
	}
}

// sensor posts three readings and fetches them.
func (c *commands) sensor(addr string) {
	for _, device := range []string{"kem", "psk"} {
		with := " -c " + device + ".toml -server " + addr + " "
		c.ok("pqcoap-node run -count 3 -interval 20ms" + with)
		var answer struct {
			Format  int `json:"content_format"`
			Payload []struct {
				Name  string  `json:"n"`
				Unit  string  `json:"u"`
				Value float64 `json:"v"`
			}
		}
		out := c.ok("pqcoap-node get -json /telemetry?last=10" + with)
		if err := json.Unmarshal([]byte(out), &answer); err != nil || len(answer.Payload) != 3 || answer.Format != 112 {
			c.t.Fatalf("readings: %v\n%s", err, out)
		}
		for _, r := range answer.Payload {
			if r.Name != device+"/temperature" || r.Unit != "Cel" || r.Value < 10 || r.Value > 30 {
				c.t.Errorf("reading %+v", r)
			}
		}
	}
}

func (c *commands) ping(addr string) {
	for _, fresh := range []string{"", " -fresh"} {
		var r map[string]any
		out := c.ok("pqcoap-node ping -n 3 -json -c kem.toml -server " + addr + fresh)
		if err := json.Unmarshal([]byte(out), &r); err != nil {
			c.t.Fatalf("%v\n%s", err, out)
		}
		if r["handshakes"] != 3.0 || r["failed"] != 0.0 {
			c.t.Errorf("report: %s", out)
		}
		for _, name := range []string{"handshake_ms", "first_answer_ms"} {
			p, _ := r[name].(map[string]any)
			for _, q := range []string{"p50", "p95", "p99", "max"} {
				if v, _ := p[q].(float64); v <= 0 {
					c.t.Errorf("%s of %s is %v", q, name, p[q])
				}
			}
		}
		for _, name := range []string{"bytes_out", "bytes_in", "datagrams_out", "datagrams_in", "request_bytes_out", "request_bytes_in"} {
			if v, _ := r[name].(float64); v <= 0 {
				c.t.Errorf("%s is %v", name, r[name])
			}
		}
	}
	if out := c.ok("pqcoap-node ping -n 2 -c psk.toml -server " + addr); !strings.Contains(out, "2 handshakes, 0 failed") {
		c.t.Errorf("ping printed:\n%s", out)
	}
}

var serverKeyLine = regexp.MustCompile(`(?m)^server_key = .*$`)

// trust has devices that this server must not serve, or that must not trust it.
func (c *commands) trust(addr string) {
	with := " /time -server " + addr + " -c "
	var prints struct {
		Keys []struct{ Fingerprint string }
	}
	if err := json.Unmarshal([]byte(c.ok("pqcoap-server fingerprint -dir home -json")), &prints); err != nil {
		c.t.Fatal(err)
	}
	pinned := prints.Keys[0].Fingerprint
	pin := func(fingerprint string) string {
		return serverKeyLine.ReplaceAllString(c.read("kem.toml"), `fingerprint = "`+fingerprint+`"`)
	}
	c.write("pinned.toml", pin(pinned))
	c.ok("pqcoap-node get" + with + "pinned.toml")
	c.write("wrong.toml", pin(strings.Repeat("00", 32)))
	c.fails(3, "not the one of the pinned fingerprint", "pqcoap-node get"+with+"wrong.toml")

	// Another server's key, and a suite that this one lacks.
	c.ok("pqcoap-server init -dir away -suite 1")
	c.ok("pqcoap-server init -dir away -suite 3")
	c.ok("pqcoap-server enroll -dir away -suite 1 away1")
	c.ok("pqcoap-server enroll -dir away -suite 3 away3")
	c.fails(3, "does not have the pinned key", "pqcoap-node get"+with+"away1.toml")
	c.fails(3, "or its suite", "pqcoap-node get"+with+"away3.toml")

	// A device that pins the right key and is not enrolled: the other server's, with this key.
	key := serverKeyLine.FindString(c.read("kem.toml"))
	c.write("stranger.toml", serverKeyLine.ReplaceAllLiteralString(c.read("away1.toml"), key))
	c.fails(3, "not enrolled here", "pqcoap-node get"+with+"stranger.toml")
	c.fails(3, "not enrolled here", "pqcoap-node run -count 1 -server "+addr+" -c stranger.toml")
}

// files are those that a device must not start with, and a server that is not there.
func (c *commands) files(addr string) {
	text := c.read("kem.toml")
	c.write("open.toml", text)
	if err := os.Chmod(filepath.Join(c.dir, "open.toml"), 0o644); err != nil {
		c.t.Fatal(err)
	}
	c.fails(1, "run chmod 600 open.toml", "pqcoap-node get -c open.toml /time")
	c.fails(1, "none.toml", "pqcoap-node get -c none.toml /time")
	c.write("broken.toml", "name = sensor")
	c.fails(1, "broken.toml: configuration: line 1", "pqcoap-node get -c broken.toml /time")
	c.write("suite.toml", strings.Replace(text, "suite = 1", "suite = 9", 1))
	c.fails(1, "suite: want a whole number, 1 to 4", "pqcoap-node get -c suite.toml /time")
	c.fails(2, "-c FILE is missing", "pqcoap-node get /time")
	c.fails(2, "want one PATH", "pqcoap-node get -c kem.toml")
	c.fails(3, "no answer within 300ms", "pqcoap-node get -c kem.toml -server 127.0.0.1:9 -timeout 300ms /time")
}

// devices works on devices while the server runs.
func (c *commands) devices(addr string) {
	get := "pqcoap-node get /time -server " + addr + " -c "
	c.ok("pqcoap-server enroll -dir home late")
	c.ok(get + "late.toml")
	c.ok("pqcoap-server suspend -dir home late")
	c.fails(3, "not enrolled here", get+"late.toml")
	c.ok("pqcoap-server resume -dir home late")
	c.ok(get + "late.toml")
	c.ok("pqcoap-server export -dir home -secrets home/all.json")
	c.ok("pqcoap-server init -dir copy")
	c.ok("pqcoap-server import -dir copy home/all.json")
	c.ok("pqcoap-server revoke -dir home late")
	c.fails(3, "not enrolled here", get+"late.toml")
	c.ok("pqcoap-server remove -dir home late")
	if out := c.ok("pqcoap-server list -dir home -json"); strings.Count(out, "\n") != 2 {
		c.t.Errorf("devices:\n%s", out)
	}
	if out := c.ok("pqcoap-server list -dir copy -json"); strings.Count(out, "\n") != 3 {
		c.t.Errorf("devices of the copy:\n%s", out)
	}
}

// demo runs the demonstration as the README's reader does.
func (c *commands) demo() {
	out := c.ok("pqcoap-server demo")
	if n := strings.Count(out, "refused: "); n != 3 {
		c.t.Errorf("%d of 3 attacks refused:\n%s", n, out)
	}
	for line := range strings.Lines(out) {
		if len(line) > 81 {
			c.t.Errorf("wider than 80 columns: %s", line)
		}
	}
}
