package conformance

import (
	"slices"
	"strings"
	"testing"
)

// The device program has to fit a device: 6 MB on disk (.ci/cross measures it), 14 MB in memory
// (conformance/cross does). What it links is written down here, so that nothing comes in by
// the way.

// linked is what the device program may link of ours and of others: a package, or with /... also
// what is below it.
var linked = []string{
	module + "/node/...", module + "/coap", module + "/record/...", module + "/handshake/...", module + "/internal/...",
	"github.com/BurntSushi/toml/...", // the device's file
	"github.com/fxamacker/cbor/v2",   // messages of the handshake
	"github.com/x448/float16",        // of cbor

	"github.com/cloudflare/circl/kem",
	"github.com/cloudflare/circl/kem/mlkem/...",
	"github.com/cloudflare/circl/kem/xwing",
	"github.com/cloudflare/circl/pke/kyber/...",
	"github.com/cloudflare/circl/dh/x25519",
	"github.com/cloudflare/circl/math/fp25519",
	"github.com/cloudflare/circl/simd/keccakf1600",
	"github.com/cloudflare/circl/internal/conv",
	"github.com/cloudflare/circl/internal/sha3",
	"github.com/cloudflare/circl/sign", // this and the next two: tokens of an authority
	"github.com/cloudflare/circl/sign/internal/dilithium/...",
	"github.com/cloudflare/circl/sign/mldsa/...",
	"golang.org/x/crypto/cryptobyte/...", // of circl, as the next
	"golang.org/x/sys/cpu",
	"golang.org/x/crypto/argon2", // keys under a passphrase, as the next three
	"golang.org/x/crypto/blake2b",
	"golang.org/x/term",
	"golang.org/x/sys/unix",

	"github.com/plgd-dev/go-coap/v3/message",
	"github.com/plgd-dev/go-coap/v3/message/codes",
	"github.com/plgd-dev/go-coap/v3/udp/coder",
	"github.com/plgd-dev/go-coap/v3/pkg/math", // of message, as the next two
	"github.com/plgd-dev/go-coap/v3/pkg/rand",
	"golang.org/x/exp/constraints",
}

// tooHeavy is what of the standard library it must not link, each with what is below it; and why.
var tooHeavy = map[string]string{
	"archive":        "no archives on a device",
	"compress":       "no compression on a device",
	"crypto/ecdsa":   "no classical signatures",
	"crypto/ed25519": "no classical signatures",
	"crypto/rsa":     "no classical signatures",
	"crypto/tls":     "a second secure channel",
	"crypto/x509":    "credentials are CWTs: docs/decisions.md 23",
	"database":       "the registry is the server's",
	"debug":          "formats of object files",
	"encoding/gob":   "what is stored is CBOR, as on the wire",
	"encoding/xml":   "what is stored is CBOR, as on the wire",
	"expvar":         "metrics are the server's; it links net/http",
	"go":             "a parser of Go",
	"html":           "templates keep all methods of all types in the program",
	"image":          "no pictures on a device",
	"mime":           "a part of net/http",
	"net/http":       "it links TLS, X.509, HTTP/2 and compression",
	"regexp":         "paths are compared segment by segment",
	"runtime/pprof":  "profiles are the server's; it links compression",
	"runtime/trace":  "traces are the server's",
	"testing":        "a part of a test is in the program",
	"text/template":  "templates keep all methods of all types in the program",
	"time/tzdata":    "times are UTC",
}

// heavy returns what of a list of packages the device program must not link, and why.
func heavy(deps []string) []string {
	var found []string
	for _, dep := range deps {
		for path, why := range tooHeavy {
			if within(dep, path) {
				found = append(found, dep+": "+why)
			}
		}
		host, _, _ := strings.Cut(dep, "/")
		if strings.Contains(host, ".") && !slices.ContainsFunc(linked, func(pattern string) bool { return matches(pattern, dep) }) {
			found = append(found, dep+": not among what the device program, of at most 6 MB, may link; "+
				"see what it adds with 'make cross', and why it is needed, before it goes into the list")
		}
	}
	return found
}

// matches is for patterns as the go command has them, with /... at the end only.
func matches(pattern, path string) bool {
	if dir, below := strings.CutSuffix(pattern, "/..."); below {
		return within(path, dir)
	}
	return path == pattern
}

func TestNodeLinks(t *testing.T) {
	deps := links(t, module+"/node/...")
	for _, v := range heavy(deps) {
		t.Errorf("the device program links %s", v)
	}
	if !slices.Contains(deps, module+"/handshake") {
		t.Errorf("the list of what it links is not one: %q", deps)
	}
}

func TestHeavy(t *testing.T) {
	tests := []struct {
		dep   string
		light bool
	}{
		{"net", true},
		{"net/netip", true},
		{"net/http", false},
		{"net/http/internal", false},
		{"runtime/debug", true},
		{"debug/elf", false},
		{"html/template", false},
		{"database/sql", false},
		{"vendor/golang.org/x/net/dns/dnsmessage", true},
		{"go.etcd.io/bbolt", false},
		{"gonum.org/v1/gonum/mat", false},
		{"github.com/pion/dtls/v3", false},
		{"github.com/plgd-dev/go-coap/v3/message", true},
		{"github.com/plgd-dev/go-coap/v3/message/codes", true},
		{"github.com/plgd-dev/go-coap/v3/message/pool", false},
		{"github.com/plgd-dev/go-coap/v3/mux", false},
		{"github.com/cloudflare/circl/kem/mlkem/mlkem768", true},
		{"github.com/cloudflare/circl/ecc/bls12381", false},
		{module + "/coap", true},
		{module + "/coap/gocoap", false},
		{"github.com/cloudflare/circl/sign/mldsa/mldsa44", true},
		{"github.com/cloudflare/circl/sign/ed448", false},
		{module + "/server/registry", false},
		{module + "/conformance/simnet", false},
	}
	for _, test := range tests {
		if found := heavy([]string{test.dep}); (len(found) == 0) != test.light {
			t.Errorf("heavy(%s) = %q, want light %t", test.dep, found, test.light)
		}
	}
}
