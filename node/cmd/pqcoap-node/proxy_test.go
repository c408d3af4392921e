package main

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pqcoap/pqcoap/coap"
	"github.com/pqcoap/pqcoap/internal/cli"
	"github.com/pqcoap/pqcoap/internal/plain"
)

// deviceFile writes the file of a device whose server is an address, or nobody.
func deviceFile(t *testing.T, server string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "device.toml")
	text := "name = \"s\"\nserver = \"" + server + "\"\nsuite = 3\nfingerprint = \"" + strings.Repeat("0", 64) + "\"\n"
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestProxyErrors(t *testing.T) {
	file := deviceFile(t, "127.0.0.1:9")
	for _, c := range []struct {
		args string
		code int
		want string
	}{
		{"", 2, "-c FILE is missing"},
		{"x", 2, "want no arguments"},
		{"-c none.toml", 1, "none.toml"},
		{"-c " + file + " -timeout 0s", 2, "-timeout: want more than 0"},
		{"-c " + file + " -listen :0", 2, "-listen: :0 is not loopback"},
		{"-c " + file + " -listen 0.0.0.0:0", 2, "not loopback"},
		{"-c " + file + " -listen [::]:0", 2, "not loopback"},
		{"-c " + file + " -listen 192.0.2.1:0", 2, "not loopback"},
		{"-c " + file + " -listen 192.0.2.1:0 -expose", 1, "192.0.2.1"}, // not an address of ours
		{"-c " + file + " -listen nowhere", 1, "address to listen on"},
		{"-c " + file + " -serve 127.0.0.1:1", 2, "-serve: want coap://HOST"},
		{"-c " + file + " -serve coap://192.0.2.1", 2, "-serve: 192.0.2.1:5683 is not loopback"},
	} {
		code, out, errs := command(t, append([]string{"proxy"}, strings.Fields(c.args)...)...)
		if code != c.code || out != "" || !strings.Contains(errs, c.want) {
			t.Errorf("proxy %s: code %d, output %q, errors %q; want %d and %q", c.args, code, out, errs, c.code, c.want)
		}
	}
}

// A proxy answers 5.03 while there is no server, and ends by its context with 0.
func TestProxyAlone(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	out, in := io.Pipe()
	var log strings.Builder
	ended := make(chan int, 1)
	go func() {
		args := []string{"proxy", "-c", deviceFile(t, "127.0.0.1:9"), "-listen", ":0", "-expose", "-timeout", "300ms"}
		ended <- program().Run(ctx, args, cli.Streams{In: strings.NewReader(""), Out: in, Err: &log})
	}()
	line, err := bufio.NewReader(out).ReadString('\n')
	at, ok := strings.CutPrefix(strings.TrimSpace(line), "listening on ")
	if err != nil || !ok {
		t.Fatalf("printed %q, %v", line, err)
	}
	_, port, err := net.SplitHostPort(at)
	if err != nil {
		t.Fatal(err)
	}
	client, err := plain.Dial(netip.MustParseAddrPort("127.0.0.1:"+port), plain.Config{})
	if err != nil {
		t.Fatal(err)
	}
	answer, err := client.Do(ctx, coap.Message{Code: coap.GET})
	if err != nil || answer.Code != coap.ServiceUnavailable {
		t.Errorf("answer %v, %v", answer.Code, err)
	}
	client.Close()
	cancel()
	if code := <-ended; code != 0 || !strings.Contains(log.String(), "whoever reaches it speaks as this device") ||
		!strings.Contains(log.String(), "msg=stopped") {
		t.Errorf("code %d, log:\n%s", code, log.String())
	}
}
