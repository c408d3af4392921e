package conformance

import (
	"context"
	"net"
	"net/netip"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/plgd-dev/go-coap/v3/message"
	"github.com/plgd-dev/go-coap/v3/message/codes"

	"github.com/pqcoap/pqcoap/coap"
	"github.com/pqcoap/pqcoap/internal/plain"
)

// listenPlain runs a plain program on loopback until the end of the test.
func listenPlain(t *testing.T, at string, h coap.Handler) (addr netip.AddrPort, stop func()) {
	t.Helper()
	socket, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.MustParseAddrPort(at)))
	if err != nil {
		t.Fatal(err)
	}
	l, done := plain.NewListener(plain.Config{Handler: h}), make(chan struct{})
	go func() {
		l.Serve(socket)
		close(done)
	}()
	return socket.LocalAddr().(*net.UDPAddr).AddrPort(), func() {
		l.Close()
		<-done
	}
}

func dialPlain(t *testing.T, addr string) *plain.Conn {
	t.Helper()
	c, err := plain.Dial(netip.MustParseAddrPort(addr), plain.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// TestSidecarCommands: both commands between plain programs, on real sockets.
func TestSidecarCommands(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("SKIPPED: windows has no SIGTERM")
	}
	c := buildCommands(t)
	c.ok("pqcoap-server init -dir home")
	c.ok("pqcoap-server enroll -dir home sensor-1")
	far, near := newThing(), newThing()
	up, stopFar := listenPlain(t, "127.0.0.1:0", far)
	down, stopNear := listenPlain(t, "127.0.0.1:0", near)
	defer func() { stopFar() }() // it is started anew
	defer stopNear()
	settings := strings.Replace(c.read("home/server.toml"), "\n# [[route]]", "\n[[route]]\npath = \"/time\"\nupstream = \"builtin\"\n# [[route]]", 1)
	c.write("home/server.toml", settings)

	server := []string{"-dir", "home", "-upstream", "coap://" + up.String(), "-identity", "query:device"}
	at, stopServer := c.serve(server...)
	proxy, stopProxy := c.start("pqcoap-node", "proxy", "-c", "sensor-1.toml", "-server", at, "-listen", "127.0.0.1:0", "-serve", "coap://"+down.String())
	s := &sidecar{t: t}
	client := dialPlain(t, proxy)

	if _, err := time.Parse(time.RFC3339, s.ask(client, coap.ContentCode, get("/time"))); err != nil {
		t.Error(err)
	}
	if got := s.ask(client, coap.ContentCode, get("/asked")); got != "GET ?device=sensor-1" {
		t.Errorf("the upstream was asked %q", got)
	}
	body := pattern(1, 100_000)
	s.ask(client, coap.Changed, put("/x", body))
	if got := s.ask(client, coap.ContentCode, get("/x")); got != string(body) {
		t.Errorf("%d bytes came back", len(got))
	}
	s.ask(client, codes.ProxyingNotSupported, coap.Message{Code: coap.GET, Options: message.Options{
		{ID: message.ProxyURI, Value: []byte("coap://192.0.2.9/x")},
	}})
	watch, err := client.Observe(t.Context(), get("/x"))
	if err != nil {
		t.Fatal(err)
	}
	s.sees(watch, string(body))
	far.set("/x", "1")
	s.sees(watch, "1")

	near.set("/name", "near")
	if got := s.ask(far.newest(), coap.ContentCode, get("/name")); got != "near" {
		t.Errorf("the device is called %q", got)
	}

	stopFar()
	s.ask(client, coap.ServiceUnavailable, get("/x")) // known at once: nothing listens there
	far.forget()
	_, stopFar = listenPlain(t, up.String(), far)
	s.ask(client, coap.ContentCode, get("/x"))

	stopServer()
	at2, stopServer := c.serve(append(server, "-listen", at)...)
	if at2 != at {
		t.Fatalf("the server listens on %s now, not %s", at2, at)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if answer, err := client.Do(ctx, get("/x")); err != nil || answer.Code != coap.ContentCode {
		t.Errorf("behind a restart of the server, which has saved its sessions: %v, %v", answer.Code, err)
	}
	if log := stopProxy(); strings.Count(log, `msg="session open"`) != 1 || !strings.Contains(log, "msg=stopped") {
		t.Errorf("log of the proxy:\n%s", log)
	}
	stopServer()
	c.fails(2, "is not loopback", "pqcoap-node proxy -c sensor-1.toml -server "+at+" -listen 0.0.0.0:0")
	c.fails(1, "is not loopback", "pqcoap-server run -listen 127.0.0.1:0 -dir home -upstream coap://192.0.2.1")
}

// TestSidecarCommandRefused: a proxy whose device is not enrolled ends with 3.
func TestSidecarCommandRefused(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("SKIPPED: windows has no SIGTERM")
	}
	c := buildCommands(t)
	c.ok("pqcoap-server init -dir home")
	c.ok("pqcoap-server init -dir away")
	c.ok("pqcoap-server enroll -dir home known")
	c.ok("pqcoap-server enroll -dir away stranger")
	key := serverKeyLine.FindString(c.read("known.toml"))
	c.write("stranger.toml", serverKeyLine.ReplaceAllLiteralString(c.read("stranger.toml"), key))
	at, stop := c.serve("-dir", "home")
	code, _, stderr := c.run("pqcoap-node proxy -c stranger.toml -listen 127.0.0.1:0 -server " + at)
	if code != 3 || !strings.Contains(stderr, "not enrolled here") {
		t.Errorf("exit code %d:\n%s", code, stderr)
	}
	stop()
}

// TestGuideCommands: what the guides have to be typed exists, with its flags.
func TestGuideCommands(t *testing.T) {
	c := buildCommands(t)
	lines := regexp.MustCompile(`(?m)^(pqcoap-(?:server|node)) +(\w+) (.*)$`).FindAllStringSubmatch(read(t, "docs/guides/sidecars.md")+read(t, "README.md"), -1)
	if len(lines) < 8 {
		t.Fatalf("%d lines found", len(lines))
	}
	for _, line := range lines {
		help := c.ok(line[1] + " " + line[2] + " -h")
		for _, flag := range regexp.MustCompile(` -\w+`).FindAllString(" "+line[3], -1) {
			if !strings.Contains(help, "\n "+flag+" ") {
				t.Errorf("%s: there is no flag%s", line[0], flag)
			}
		}
	}
}
