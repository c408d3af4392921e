package conformance

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/gob"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"go/ast"
	"log/slog"
	goreflect "reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/BurntSushi/toml"
	"github.com/fxamacker/cbor/v2"

	"github.com/pqcoap/pqcoap/coap"
	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/handshake/cwt"
	"github.com/pqcoap/pqcoap/internal/session"
	"github.com/pqcoap/pqcoap/node"
	"github.com/pqcoap/pqcoap/record"
	"github.com/pqcoap/pqcoap/server"
	"github.com/pqcoap/pqcoap/server/registry"
)

// secretRoots are the types that are secrets, by package.
var secretRoots = regexp.MustCompile(`^(handshake\.(PrivateKey|PSK|PSKKey|Secret|TicketKeys|ResumptionState)|server\.Secrets|cwt\.Authority)$`)

// secretNames are names of fields of bytes that are secrets.
var secretNames = regexp.MustCompile(`(?i)secret|seed|passphrase|resetkey`)

// triedElsewhere are types with secrets that TestSecretsDoNotPrint of their package tries.
var triedElsewhere = regexp.MustCompile(`^(handshake|record|handshake/cwt)\.`)

// holdsSecret tells whether a field of a struct is a secret, also behind a pointer or in a list.
func holdsSecret(pkg string, f *ast.Field) bool {
	held := false
	ast.Inspect(f.Type, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncType:
			return false
		case *ast.SelectorExpr:
			x, _ := n.X.(*ast.Ident)
			held = held || x != nil && secretRoots.MatchString(x.Name+"."+n.Sel.Name)
			return false
		case *ast.Ident:
			held = held || secretRoots.MatchString(pkg[strings.LastIndexByte(pkg, '/')+1:]+"."+n.Name)
		case *ast.ArrayType:
			if elem, ok := n.Elt.(*ast.Ident); ok && elem.Name == "byte" {
				for _, name := range f.Names {
					held = held || secretNames.MatchString(name.Name)
				}
			}
		}
		return true
	})
	return held
}

// secretTypes are the exported structs of the module with a field that is a secret: "server.Dir".
func secretTypes(files []source) (found []string) {
	for _, s := range files {
		if s.isTest() || within(s.pkg, "conformance") || s.syntax.Name.Name == "main" {
			continue
		}
		ast.Inspect(s.syntax, func(n ast.Node) bool {
			spec, ok := n.(*ast.TypeSpec)
			if !ok || !spec.Name.IsExported() {
				return true
			}
			if body, ok := spec.Type.(*ast.StructType); ok {
				for _, f := range body.Fields.List {
					if holdsSecret(s.pkg, f) {
						found = append(found, s.pkg+"."+spec.Name.Name)
						break
					}
				}
			}
			return true
		})
	}
	return found
}

// show returns what printers and encoders of a program would show of v.
func show(v any) map[string]string {
	out := map[string]string{}
	for _, verb := range []string{"%v", "%+v", "%#v", "%x", "%X", "% x", "%s", "%q", "%d", "%o", "%b", "%c"} {
		out[verb] = fmt.Sprintf(verb, v)
	}
	var b bytes.Buffer
	for name, h := range map[string]slog.Handler{"slog text": slog.NewTextHandler(&b, nil), "slog json": slog.NewJSONHandler(&b, nil)} {
		b.Reset()
		slog.New(h).Info("shown", "value", v, "in", []any{v})
		out[name] = b.String()
	}
	for name, marshal := range map[string]func(any) ([]byte, error){"json": json.Marshal, "xml": xml.Marshal, "cbor": cbor.Marshal, "toml": toml.Marshal} {
		text, err := marshal(v)
		out[name] = string(text) + fmt.Sprint(err)
	}
	b.Reset()
	err := gob.NewEncoder(&b).Encode(v)
	out["gob"] = b.String() + fmt.Sprint(err)
	return out
}

// shows tells whether four bytes of a secret are in a text, in any form.
func shows(text string, secret []byte) bool {
	b := secret[len(secret)/2:][:4]
	decimal := strings.Trim(fmt.Sprint(b), "[]")
	for _, form := range []string{
		string(b), hex.EncodeToString(b), strings.ToUpper(hex.EncodeToString(b)), fmt.Sprintf("% x", b), fmt.Sprintf("% X", b),
		decimal, strings.ReplaceAll(decimal, " ", ","), strings.ReplaceAll(decimal, " ", ", "), strings.Trim(fmt.Sprintf("%#v", b), "[]byte{}"),
	} {
		if strings.Contains(text, form) {
			return true
		}
	}
	for i := range 3 { // one of them begins where base64 begins a group
		six := secret[i:][:6]
		if strings.Contains(text, base64.StdEncoding.EncodeToString(six)) || strings.Contains(text, base64.RawURLEncoding.EncodeToString(six)) {
			return true
		}
	}
	return false
}

// TestNoSecretPrints tries every printer and encoder on every exported type of the module that
// holds a secret. Whoever adds such a type adds it here.
func TestNoSecretPrints(t *testing.T) {
	key, err := handshake.GenerateKey(rand.Reader, handshake.MLKEM512)
	if err != nil {
		t.Fatal(err)
	}
	psk, err := handshake.GeneratePSK(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tickets, err := handshake.NewTicketKeys(rand.Reader, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	var bytes32 [32]byte
	rand.Read(bytes32[:])
	secrets := server.Secrets{Echo: bytes32, Reset: bytes32}
	device := session.DeviceConfig{Server: key.ServerCredential(), Suite: handshake.MLKEM512, Key: key, Rand: rand.Reader}
	client := session.Client{Name: "a", Key: key.Public(), PSK: psk}
	authorize := func(handshake.Suite, handshake.ClientCredential) (server.Client, error) { return client, nil }
	cfg := server.Config{Keys: []*handshake.PrivateKey{key}, Authorize: authorize, Secrets: secrets, Tickets: tickets,
		Sessions: bytes32[:], Handler: coap.HandlerFunc(nil)}
	srv, err := server.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	engine := session.ServerConfig{Identities: []handshake.Identity{key.Identity()}, Authorize: authorize, Rand: rand.Reader, ResetKey: bytes32, Tickets: tickets,
		Echo: coap.NewEchoKeys(bytes32, bytes32)}
	ca, err := server.InitCA(t.TempDir(), cwt.MLDSA44, "fleet", nil)
	if err != nil {
		t.Fatal(err)
	}
	shared := device
	shared.Key, shared.PSK = nil, psk
	var out session.Outbox
	alone, err := session.NewDevice(time.Now(), device, &out)
	if err != nil {
		t.Fatal(err)
	}
	conn := new(node.Conn) // with the configuration that Dial gives it
	field := goreflect.ValueOf(conn).Elem().FieldByName("cfg")
	goreflect.NewAt(field.Type(), field.Addr().UnsafePointer()).Elem().Set(goreflect.ValueOf(node.Config{Key: key, PSK: psk}))
	tried := map[string][]any{
		"server.Secrets":                {secrets, &secrets},
		"server.Config":                 {cfg, &cfg},
		"server.Server":                 {srv},
		"server.Dir":                    {&server.Dir{Path: "/", Keys: cfg.Keys, Secrets: secrets}},
		"server.CA":                     {ca, *ca},
		"server/authority.Issuer":       {ca.Issuer},
		"server/registry.Device":        {registry.Device{Name: "a", PSK: psk}, &registry.Device{Name: "a", PSK: psk}},
		"node.Config":                   {node.Config{Key: key, PSK: psk}, &node.Config{Key: key, PSK: psk}},
		"node.Enrolment":                {node.Enrolment{Key: key}, &node.Enrolment{Key: key}},
		"node.Conn":                     {conn},
		"internal/session.Client":       {client, &client},
		"internal/session.DeviceConfig": {device, &device, shared, &shared},
		"internal/session.Device":       {alone},
		"internal/session.ServerConfig": {engine, &engine},
		"internal/session.Server":       {session.NewServer(engine)},
		"internal/session.Event":        {session.Event{Ticket: new(handshake.ResumptionState)}},
		"internal/session.Work":         {new(session.Work)},
		"internal/session.Session":      {new(session.Session)},
		"record.Config":                 {record.Config{SendSecret: bytes32[:], ReceiveSecret: bytes32[:]}},
		"coap.EchoKeys":                 {engine.Echo},
	}
	for _, name := range secretTypes(sources(t)) {
		if tried[name] == nil && !triedElsewhere.MatchString(name) {
			t.Errorf("%s holds a secret, and is not tried here", name)
		}
	}
	seed, pskKey := key.Append(nil), psk.Key
	all := map[string][]byte{"seed": seed[len(seed)-32:], "PSK": pskKey[:], "random": bytes32[:], "ticket key": tickets.Append(nil)[30:]}
	for name, values := range tried {
		for _, v := range values {
			for how, text := range show(v) {
				for what, secret := range all {
					if shows(text, secret) {
						t.Errorf("%s (%T) shows %s by %s", name, v, what, how)
					}
				}
			}
		}
	}
}

// The search and the rule find what they are for.
func TestSecretsAreFound(t *testing.T) {
	secret := []byte{0xab, 0x12, 0x7f, 0x99, 0xc1, 2, 3, 4, 5}
	for _, v := range []any{secret, struct{ B [9]byte }{[9]byte(secret)}} {
		for how, text := range show(v) {
			if how != "toml" && how != "xml" && how != "slog text" && how != "%o" && how != "%b" && how != "%c" && how != "%q" && !shows(text, secret) {
				t.Errorf("%s of %T is not seen in %q", how, v, text)
			}
		}
	}
	for src, want := range map[string]int{
		"type T struct { K *handshake.PrivateKey }":             1,
		"type T struct { k []*handshake.PSK }":                  1,
		"type T struct { m map[string]handshake.Secret }":       1,
		"type T struct { Secret []byte }":                       1,
		"type T struct { sendSecret [32]byte }":                 1,
		"type T struct { K *handshake.PublicKey; Name []byte }": 0,
		"type T struct { f func(*handshake.PSK) }":              0,
		"type t struct { K *handshake.PrivateKey }":             0,
	} {
		s := parsed(t, "package p; "+src)
		if got := secretTypes([]source{s}); len(got) != want {
			t.Errorf("%s: %q", src, got)
		}
	}
}
