package interop

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// The programs that are not ours, and what has them.
const (
	coapClient = "coap-client-notls"
	coapServer = "coap-server-notls"
	nodeJS     = "node"
)

// packageOf says where a program comes from.
var packageOf = map[string]string{
	coapClient: "Debian's package libcoap3-bin",
	coapServer: "Debian's package libcoap3-bin",
	nodeJS:     "Node.js 20 or later, and 'npm ci' in conformance/interop/nodecoap",
}

// need skips a test where a program is missing, loudly, or, in CI, fails it.
func need(t *testing.T, program string) {
	t.Helper()
	_, err := exec.LookPath(program)
	if err == nil && program == nodeJS {
		_, err = os.Stat(filepath.Join("nodecoap", "node_modules", "coap"))
	}
	switch {
	case err == nil:
		return
	case os.Getenv("CI") == "true":
		t.Fatalf("%s: %v; it is in %s", program, err, packageOf[program])
	default:
		fmt.Fprintf(os.Stderr, "\nSKIPPED: %s: no %s; it is in %s\n\n", t.Name(), program, packageOf[program])
		t.Skip(program)
	}
}
