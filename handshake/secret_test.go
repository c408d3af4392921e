package handshake

import (
	"bytes"
	"encoding/base64"
	"encoding/gob"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/fxamacker/cbor/v2"
)

// show returns what every printer and encoder of a program would show of v.
func show(v any) map[string]string {
	out := map[string]string{}
	for _, verb := range []string{"%v", "%+v", "%#v", "%x", "%X", "% x", "%s", "%q", "%d", "%o", "%b", "%c", "%U"} {
		out[verb] = fmt.Sprintf(verb, v)
	}
	out["print"] = fmt.Sprint(v)
	out["in a slice"] = fmt.Sprintf("%+v", []any{v})
	out["in a struct"] = fmt.Sprintf("%+v", struct{ V any }{v})
	var b bytes.Buffer
	for name, h := range map[string]slog.Handler{
		"slog text": slog.NewTextHandler(&b, nil), "slog json": slog.NewJSONHandler(&b, nil),
	} {
		b.Reset()
		slog.New(h).Info("shown", "value", v)
		out[name] = b.String()
	}
	j, err := json.Marshal(v)
	out["json"] = string(j) + fmt.Sprint(err)
	x, err := xml.Marshal(v)
	out["xml"] = string(x) + fmt.Sprint(err)
	c, err := cbor.Marshal(v)
	out["cbor"] = string(c) + fmt.Sprint(err)
	var g bytes.Buffer
	err = gob.NewEncoder(&g).Encode(v)
	out["gob"] = g.String() + fmt.Sprint(err)
	return out
}

// forms are the ways in which four bytes of a secret could be shown.
func forms(b []byte) []string {
	b = b[:4]
	decimal := fmt.Sprint(b)
	return []string{
		string(b), hex.EncodeToString(b), strings.ToUpper(hex.EncodeToString(b)),
		fmt.Sprintf("% x", b), fmt.Sprintf("% X", b), strings.Trim(decimal, "[]"),
		strings.ReplaceAll(strings.Trim(decimal, "[]"), " ", ","),
		strings.Trim(fmt.Sprintf("%#v", b), "[]byte{}"), base64.StdEncoding.EncodeToString(b[:3]),
	}
}

func leaks(shown string, secrets ...[]byte) bool {
	for _, s := range secrets {
		for _, form := range forms(s) {
			if strings.Contains(shown, form) {
				return true
			}
		}
	}
	return false
}

// TestSecretsDoNotPrint tries every printer on every type that holds a secret, as a value
// and behind a pointer.
func TestSecretsDoNotPrint(t *testing.T) {
	p := newPair(t, MLKEM768, ModeKEM)
	psk := mustPSK(t, "device")
	i := p.initiator()
	a := p.accept(i.M1())
	s1 := bytes.Clone(i.step1.s1)
	_, res := p.respond(i.M1())
	key := p.serverKey
	reset := [16]byte{0xde, 0xad, 0xbe, 0xef}
	res.ResetToken = reset
	grant := Grant{PSK: psk, ResetToken: reset}
	c := newChain(t, MLKEM768, ModeKEM)
	state, ticketKey := c.again(), c.keys.keys[0].key
	resumer := c.resumer(true)
	resumption, err := c.open(resumer.M1R())
	if err != nil {
		t.Fatal(err)
	}
	s1r := bytes.Clone(resumption.step1.s1)
	all := [][]byte{state.secret, ticketKey[:], s1r, res.SendSecret, res.ReceiveSecret, res.Exporter, res.Resumption, reset[:],
		key.seed, p.cfg.Key.seed, psk.Key[:], s1}
	for name, v := range map[string]any{
		"Secret": res.SendSecret, "*Secret": &res.SendSecret,
		"PrivateKey": *key, "*PrivateKey": key,
		"PSK": *psk, "*PSK": psk, "PSKKey": psk.Key, "*PSKKey": &psk.Key,
		"Result": *res, "*Result": res, "Initiator": *i, "*Initiator": i,
		"TicketKeys": *c.keys, "*TicketKeys": c.keys, "ResumptionState": *state, "*ResumptionState": state,
		"Resumer": *resumer, "*Resumer": resumer, "Resumption": *resumption, "*Resumption": resumption,
		"ResumerConfig": c.config(true), "Accepted": *a, "*Accepted": a, "Grant": grant, "*Grant": &grant,
		"InitiatorConfig": InitiatorConfig{Key: key, PSK: psk}, "Responder": *p.responder, "*Responder": p.responder,
		"Identity": key.Identity(), "known": known{key: key},
	} {
		for how, shown := range show(v) {
			if leaks(shown, all...) {
				t.Errorf("%s shown by %s: a secret", name, how)
			}
		}
	}
}

// TestLeaks: the search of the test above finds what is shown.
func TestLeaks(t *testing.T) {
	b := []byte{0xab, 0x12, 0x7f, 0x99, 1, 2, 3}
	all := show(b)
	for _, how := range []string{"%v", "%+v", "%#v", "%x", "%X", "% x", "%s", "%d", "print",
		"in a slice", "in a struct", "slog json", "json", "cbor", "gob"} {
		if !leaks(all[how], b) {
			t.Errorf("%s is not seen in %q", how, all[how])
		}
	}
}

func TestSecretString(t *testing.T) {
	a, b := Secret("one secret of some length"), Secret("another of some length")
	if a.String() == b.String() || a.String() != Secret(bytes.Clone(a)).String() {
		t.Error("fingerprints do not tell secrets apart")
	}
	if len(a.String()) != len("secret:01234567") {
		t.Errorf("fingerprint is %q", a)
	}
}

func TestNilSecrets(t *testing.T) {
	var key *PrivateKey
	var psk *PSK
	for _, v := range []any{key, psk, PrivateKey{}, PSK{}, Secret(nil)} {
		if s := fmt.Sprintf("%v", v); strings.Contains(s, "PANIC") {
			t.Errorf("%T prints %q", v, s)
		}
	}
}

func TestWipe(t *testing.T) {
	_, res := newPair(t, MLKEM512, ModeNone).respond(newPair(t, MLKEM512, ModeNone).initiator().M1())
	secrets := []Secret{res.SendSecret, res.ReceiveSecret, res.Exporter, res.Resumption}
	res.Wipe()
	for n, s := range secrets {
		if !bytes.Equal(s, make([]byte, 32)) {
			t.Errorf("secret %d was left", n)
		}
	}
}
