package conformance

import (
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/pqcoap/pqcoap"

// A unit is one package. Paths of ours are relative to the module: "coap", "node/cmd/x".
type unit struct {
	path        string
	imports     []string // of files that are not tests
	testImports []string
}

var (
	leaves = []string{"coap", "record", "handshake"}

	// leafModules is all that a leaf may import from others. Of go-coap it is the codec
	// alone: message/pool and mux link 25 more packages.
	leafModules = []string{"github.com/cloudflare/circl", "golang.org/x/crypto", "github.com/fxamacker/cbor/v2"}
	codec       = []string{
		"github.com/plgd-dev/go-coap/v3/message",
		"github.com/plgd-dev/go-coap/v3/message/codes",
		"github.com/plgd-dev/go-coap/v3/udp/coder",
	}

	// impure gives sockets, files, logs, or randomness that no argument brought in.
	impure = []string{
		"net", "os", "log", "syscall", "crypto/rand", "math/rand",
		"golang.org/x/net", "golang.org/x/sys",
	}
)

// within reports whether path is dir or below it.
func within(path string, dirs ...string) bool {
	return slices.ContainsFunc(dirs, func(dir string) bool {
		return path == dir || strings.HasPrefix(path, dir+"/")
	})
}

// ours returns path relative to the module, where it is one of its packages.
func ours(path string) (string, bool) {
	if path == module {
		return ".", true
	}
	return strings.CutPrefix(path, module+"/")
}

// leafOf returns the leaf that path belongs to, or "". The adapter coap/gocoap is none.
func leafOf(path string) string {
	if within(path, "coap/gocoap") {
		return ""
	}
	for _, leaf := range leaves {
		if within(path, leaf) {
			return leaf
		}
	}
	return ""
}

// pure reports whether code there gets time and randomness as arguments and does no I/O.
func pure(path string) bool {
	return leafOf(path) != "" || within(path, "internal/session", "internal/admission")
}

// violations returns each import that breaks a rule of the layout.
func violations(units []unit) []string {
	var broken []string
	for _, u := range units {
		for _, imported := range u.imports {
			if why := forbidden(u.path, imported); why != "" {
				broken = append(broken, fmt.Sprintf("%s imports %s: %s", u.path, imported, why))
			}
		}
		for _, imported := range u.testImports {
			if own, ok := ours(imported); ok && within(u.path, "conformance/simnet") && own != u.path {
				broken = append(broken, fmt.Sprintf("a test of %s imports %s: simnet imports nothing of ours", u.path, imported))
			}
		}
	}
	return broken
}

// forbidden says why the package must not import another, or "".
func forbidden(path, imported string) string {
	if own, ok := ours(imported); ok {
		return forbiddenOurs(path, own)
	}
	return forbiddenOthers(path, imported)
}

func forbiddenOurs(path, own string) string {
	leaf := leafOf(path)
	switch {
	case within(own, "conformance") && !within(path, "conformance"):
		return "only tests and conformance import conformance"
	case within(path, "conformance/simnet"):
		return "simnet imports nothing of ours"
	case leaf != "" && leafOf(own) != leaf:
		return "a leaf imports nothing of ours"
	case within(path, "coap/gocoap") && own != "coap":
		return "the adapter imports coap only"
	case within(path, "internal/admission", "internal/arena", "internal/wheel") && own != path:
		return "it imports nothing of ours"
	case within(path, "internal/session") && leafOf(own) == "" && !within(own, path, "internal/admission", "internal/arena", "internal/wheel"):
		return "internal/session imports the leaves, and what keeps and admits sessions, only"
	case within(path, "internal") && leafOf(own) == "" && !within(own, "internal"):
		return "internal packages import leaves and each other only"
	case within(path, "node") && within(own, "server"):
		return "node does not import server"
	case within(path, "node") && within(own, "coap/gocoap"):
		return "mux stays out of the device program"
	case within(path, "server") && within(own, "node") && !within(path, "server/cmd"):
		return "server does not import node"
	}
	return ""
}

func forbiddenOthers(path, imported string) string {
	if pure(path) && within(imported, impure...) && imported != "net/netip" {
		return "no I/O, no log and no randomness of its own"
	}
	if leafOf(path) != "" && strings.Contains(imported, ".") &&
		!within(imported, leafModules...) && !slices.Contains(codec, imported) {
		return "not among the few modules of a leaf"
	}
	if within(imported, "github.com/plgd-dev/go-coap/v3") && !slices.Contains(codec, imported) &&
		!within(path, "coap/gocoap", "conformance") {
		return "of go-coap the codec only"
	}
	return ""
}

func TestImports(t *testing.T) {
	units := make(map[string]*unit)
	for _, f := range sources(t) {
		u := units[f.pkg]
		if u == nil {
			u = &unit{path: f.pkg}
			units[f.pkg] = u
		}
		if f.isTest() {
			u.testImports = append(u.testImports, f.imports()...)
		} else {
			u.imports = append(u.imports, f.imports()...)
		}
	}
	for _, u := range units {
		for _, v := range violations([]unit{*u}) {
			t.Error(v)
		}
	}
}

// links returns what packages link, also through others.
func links(t *testing.T, packages ...string) []string {
	t.Helper()
	cmd := exec.Command("go", append([]string{"list", "-deps"}, packages...)...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %v\n%s", cmd, err, &stderr)
	}
	return strings.Fields(string(out))
}

// What a program that imports no adapter links must stay small; TestNodeLinks is stricter with
// that of a device.
func TestProgramsLink(t *testing.T) {
	packages := []string{module + "/coap", module + "/record/...", module + "/handshake/...", module + "/internal/session"}
	for _, v := range unwanted(links(t, packages...)) {
		t.Errorf("%s links %s", packages, v)
	}
	for _, v := range unwanted(links(t, module+"/server/...")) {
		if within(v, goCoAP, "github.com/pion") {
			t.Errorf("the server links %s", v)
		}
	}
}

// The adapter links all that others must not.
func TestAdapterLinks(t *testing.T) {
	found := unwanted(links(t, module+"/coap/gocoap"))
	for _, want := range []string{goCoAP + "/mux", goCoAP + "/message/pool", goCoAP + "/net", "github.com/pion/dtls/v3"} {
		if !slices.Contains(found, want) {
			t.Errorf("%s is not among %q", want, found)
		}
	}
}

const goCoAP = "github.com/plgd-dev/go-coap/v3"

// unwanted returns what of a list of packages such a program must not link.
func unwanted(deps []string) []string {
	return slices.DeleteFunc(deps, func(dep string) bool {
		return !within(dep, "github.com/pion", "testing", "net/http", module+"/server", module+"/conformance",
			module+"/coap/gocoap", goCoAP+"/mux", goCoAP+"/message/pool", goCoAP+"/net")
	})
}

func TestUnwanted(t *testing.T) {
	deps := []string{"net", "net/netip", module + "/coap", "github.com/pion/dtls/v3", module + "/server", "testing"}
	if got, want := unwanted(deps), []string{"github.com/pion/dtls/v3", module + "/server", "testing"}; !slices.Equal(got, want) {
		t.Errorf("unwanted = %q, want %q", got, want)
	}
}

func TestImportRules(t *testing.T) {
	tests := []struct {
		path, imported string
		allowed        bool
	}{
		{"coap", "net/netip", true},
		{"coap", "github.com/plgd-dev/go-coap/v3/message", true},
		{"coap", "github.com/plgd-dev/go-coap/v3/message/pool", false},
		{"coap", "github.com/plgd-dev/go-coap/v3/mux", false},
		{"coap/gocoap", "github.com/plgd-dev/go-coap/v3/mux", true},
		{"coap/gocoap", module + "/coap", true},
		{"coap/gocoap", module + "/record", false},
		{"coap", module + "/coap/gocoap", false},
		{"coap", module + "/record", false},
		{"record", module + "/handshake", false},
		{"handshake", module + "/record", false},
		{"record", module + "/record/internal/mask", true},
		{"record/internal/mask", module + "/handshake", false},
		{"record", module + "/internal/session", false},
		{"record", "crypto/aes", true},
		{"record", "golang.org/x/crypto/cryptobyte", true},
		{"record", "golang.org/x/net/ipv4", false},
		{"record", "golang.org/x/cryptox", false},
		{"record", "github.com/pion/dtls/v3", false},
		{"record", "net", false},
		{"record", "net/http", false},
		{"record", "os", false},
		{"record", "log", false},
		{"record", "log/slog", false},
		{"handshake", "crypto/rand", false},
		{"handshake", "github.com/cloudflare/circl/kem/xwing", true},
		{"handshake", "github.com/fxamacker/cbor/v2", true},
		{"internal/session", module + "/record", true},
		{"internal/session", module + "/coap/gocoap", false},
		{"internal/session", module + "/node", false},
		{"internal/session", module + "/internal/other", false},
		{"internal/session", "net", false},
		{"internal/other", module + "/record", true},
		{"internal/other", module + "/server", false},
		{"node", module + "/internal/session", true},
		{"node", "net", true},
		{"node", module + "/server", false},
		{"node/cmd/pqcoap-node", module + "/server", false},
		{"node", module + "/coap/gocoap", false},
		{"node", "github.com/plgd-dev/go-coap/v3/mux", false},
		{"server", module + "/node", false},
		{"server", module + "/coap/gocoap", true},
		{"server/cmd/pqcoap-server", module + "/node", true},
		{"server", module + "/conformance/simnet", false},
		{"server/cmd/pqcoap-server", module + "/conformance", false},
		{"conformance/cmd/pqcoap-conformance", module + "/conformance", true},
		{"conformance", module + "/server", true},
		{"conformance/simnet", module + "/coap", false},
		{"conformance/simnet", module + "/conformance", false},
		{"conformance/simnet", "net", true},
	}
	for _, test := range tests {
		broken := violations([]unit{{path: test.path, imports: []string{test.imported}}})
		if (len(broken) == 0) != test.allowed {
			t.Errorf("%s imports %s: violations = %q, want allowed %t", test.path, test.imported, broken, test.allowed)
		}
	}
}

func TestImportRulesOfTests(t *testing.T) {
	tests := []struct {
		path, imported string
		allowed        bool
	}{
		{"server", module + "/conformance/simnet", true},
		{"record", "crypto/rand", true},
		{"conformance/simnet", module + "/conformance/simnet", true},
		{"conformance/simnet", module + "/node", false},
	}
	for _, test := range tests {
		broken := violations([]unit{{path: test.path, testImports: []string{test.imported}}})
		if (len(broken) == 0) != test.allowed {
			t.Errorf("a test of %s imports %s: violations = %q, want allowed %t", test.path, test.imported, broken, test.allowed)
		}
	}
}
