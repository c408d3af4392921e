package main

import (
	"crypto/rand"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/handshake/cwt"
	"github.com/pqcoap/pqcoap/server"
)

// An authority that is kept off line gives credentials to a device and to the server, which takes
// its own, and no other.
func TestCAIssue(t *testing.T) {
	newFolder(t, "3")
	offline := func(code int, text string) string {
		t.Helper()
		args := strings.Fields(text)
		got, out, errs := command(t, append([]string{"ca", args[0], "-dir", "ca"}, args[1:]...)...)
		if got != code {
			t.Errorf("%s: code %d, want %d: %s%s", text, got, code, out, errs)
		}
		return out + errs
	}
	offline(0, "init -issuer fleet -alg 44")
	offline(0, "export -out fleet.pub")
	line(t, 0, "ca trust fleet.pub")
	line(t, 0, "ca request -suite 3 -out server.public")
	out := offline(0, "issue -server -name gateway -out server.cwt server.public")
	for _, want := range []string{"server   gateway\n", "issuer   fleet\n", "suite    3 (ML-KEM-512)\n"} {
		if !strings.Contains(out, want) {
			t.Errorf("issue: %q, want %q", out, want)
		}
	}
	if got := line(t, 0, "ca install server.cwt"); got != out {
		t.Errorf("install: %q, want %q", got, out)
	}
	key, err := handshake.GenerateKey(rand.Reader, handshake.MLKEM512)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("device.public", key.ServerCredential().Bytes(), 0o600); err != nil { // not as text
		t.Fatal(err)
	}
	offline(0, "issue -name sensor-1 -lifetime 1 -out device.cwt device.public")
	line(t, 1, "ca install device.cwt")
	token, err := readEncoded("device.cwt")
	if err != nil {
		t.Fatal(err)
	}
	ca, err := server.OpenCA("ca", nil)
	if err != nil {
		t.Fatal(err)
	}
	claims, err := ca.Own.Key.Verify(token, cwt.Want{Issuer: "fleet", Subject: "sensor-1", Usage: cwt.UsageDevice, Suite: handshake.MLKEM512, Now: time.Now()})
	if err != nil || claims.Expires.Sub(claims.NotBefore) != time.Hour || claims.Key.DeviceID() != key.Public().DeviceID() {
		t.Errorf("%+v, %v", claims, err)
	}
	offline(1, "issue -name a fleet.pub")
	offline(1, "issue -name a nothing.public")
	line(t, 1, "ca issue -name a device.public") // its key is not here
	line(t, 1, "ca request -suite 1")
	if err := os.WriteFile("large", make([]byte, maxSmall+1), 0o600); err != nil {
		t.Fatal(err)
	}
	line(t, 1, "ca install large")
}
