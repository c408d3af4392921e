package handshake

import (
	"bytes"
	"errors"
	"math"
	"strings"
	"testing"
	"time"
)

func mustRefuse(t testing.TB, a *Accepted, name string) []byte {
	t.Helper()
	b, err := a.Refuse(random(name), RefusedOverload, 30*time.Second, "busy")
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestRefusal(t *testing.T) {
	each(t, func(t *testing.T, p *pair) {
		i := p.initiator()
		for _, want := range []Refusal{
			{RefusedCredential, 0, ""},
			{RefusedMode, 0, "this server wants a key"},
			{RefusedOverload, 23 * time.Second, "x"},
			{RefusedOverload, 24 * time.Second, strings.Repeat("y", 55)},
			{23, 256 * time.Second, "é"},
			{0, math.MaxUint32 * time.Second, strings.Repeat("z", 55)},
		} {
			a := p.accept(i.M1())
			b, err := a.Refuse(random(want.Text), want.Code, want.RetryAfter, want.Text)
			if err != nil {
				t.Fatal(err)
			}
			if len(b) != 1+1+16+2+80 {
				t.Errorf("%v: refusal is %d bytes", want, len(b))
			}
			res, err := i.Finish(b)
			var got *Refusal
			if res != nil || !errors.As(err, &got) || *got != want {
				t.Errorf("refusal %v became %v", want, err)
			}
		}
		m2, server := p.respond(i.M1()) // a refusal is not the end of the Initiator
		device, err := i.Finish(m2)
		if err != nil {
			t.Fatal(err)
		}
		agree(t, p, device, server)
	})
}

func TestRefuseMisuse(t *testing.T) {
	p := newPair(t, MLKEM512, ModeNone)
	a := p.accept(p.initiator().M1())
	for _, row := range []struct {
		name  string
		code  RefusalCode
		retry time.Duration
		text  string
	}{
		{"code 24", 24, 0, ""},
		{"negative time", 1, -time.Second, ""},
		{"part of a second", 1, time.Millisecond, ""},
		{"long time", 1, (math.MaxUint32 + 1) * time.Second, ""},
		{"long text", 1, 0, strings.Repeat("x", 56)},
		{"not UTF-8", 1, 0, "\xff"},
	} {
		if b, err := a.Refuse(random("x"), row.code, row.retry, row.text); b != nil || !errors.Is(err, ErrMisuse) {
			t.Errorf("%s: error = %v, want %v", row.name, err, ErrMisuse)
		}
	}
	if b, err := a.Refuse(bytes.NewReader(make([]byte, 15)), 1, 0, ""); b != nil || err == nil {
		t.Error("a refusal without randomness")
	}
	a.Close()
	if b, err := a.Refuse(random("x"), 1, 0, ""); b != nil || !errors.Is(err, ErrMisuse) {
		t.Errorf("after Close: error = %v, want %v", err, ErrMisuse)
	}
}

// TestChangedRefusal flips every byte and cuts at every length.
func TestChangedRefusal(t *testing.T) {
	for _, suite := range allSuites {
		p := newPair(t, suite, ModeKEM)
		i := p.initiator()
		b := mustRefuse(t, p.accept(i.M1()), "refusal")
		for n := range b {
			changed := bytes.Clone(b)
			changed[n] ^= 1
			rejected(t, i, changed)
			rejected(t, i, b[:n])
		}
		rejected(t, i, append(bytes.Clone(b), 0))
		if _, err := i.Finish(b); !errors.As(err, new(*Refusal)) {
			t.Errorf("%v: the true refusal: error = %v", suite, err)
		}
	}
}

// TestRefusalKeys is E1 of the model: two refusals of one m1, by two servers of a cluster,
// have different keys, so that they are not two messages under one key and nonce.
func TestRefusalKeys(t *testing.T) {
	p := newPair(t, XWing, ModeKEM)
	i := p.initiator()
	b, c := mustRefuse(t, p.accept(i.M1()), "one"), mustRefuse(t, p.accept(i.M1()), "other")
	x, y := elements(t, b), elements(t, c)
	if bytes.Equal(x[0].([]byte), y[0].([]byte)) || bytes.Equal(x[1].([]byte), y[1].([]byte)) {
		t.Error("two refusals have a part in common")
	}
	if bytes.Equal(i.step1.errKey(x[0].([]byte)), i.step1.errKey(y[0].([]byte))) {
		t.Error("two refusals have one key")
	}
	rejected(t, i, with(t, b, 1, y[1]))
	for _, whole := range [][]byte{b, c} {
		if _, err := i.Finish(whole); !errors.As(err, new(*Refusal)) {
			t.Errorf("error = %v", err)
		}
	}
}

// TestRefusalOfAnother: a refusal is for one m1 only.
func TestRefusalOfAnother(t *testing.T) {
	p := newPair(t, XWing, ModeKEM)
	i := p.initiator()
	other, err := NewInitiator(random("another device"), p.cfg)
	if err != nil {
		t.Fatal(err)
	}
	rejected(t, i, mustRefuse(t, p.accept(other.M1()), "refusal"))
}

// TestRefusalFields: what opens is checked all the same.
func TestRefusalFields(t *testing.T) {
	p := newPair(t, MLKEM768, ModeNone)
	i := p.initiator()
	pad := func(o ...any) []byte { // brings the text to the size
		text := o[2].(string)
		o[2] = text + strings.Repeat(" ", 64-len(encode(o))-1)
		return encode(o)
	}
	good := pad(1, 0, "text")
	for _, row := range []struct {
		name  string
		plain []byte
		ok    bool
	}{
		{"baseline", good, true},
		{"code 23", pad(23, 0, "text"), true},
		{"code 24", pad(24, 0, "text"), false},
		{"code null", pad(nil, 0, "text"), false},
		{"code text", pad("1", 0, "text"), false},
		{"time negative", pad(1, -1, "text"), false},
		{"time bytes", pad(1, []byte{1}, "text"), false},
		{"text not UTF-8", pad(1, 0, "\xff"), false},
		{"not padded", encode([]any{1, 0, "text"}), false},
		{"text bytes", encode([]any{1, 0, make([]byte, 59)}), false},
		{"two elements", encode([]any{1, strings.Repeat(" ", 60)}), false},
		{"63 bytes and one more", append(encode([]any{1, 0, strings.Repeat(" ", 58)}), 0), false},
	} {
		if row.ok && len(row.plain) != 64 {
			t.Fatalf("%s: %d bytes", row.name, len(row.plain))
		}
		nonceR := []byte("0123456789abcdef")
		b := encode(answerObject{First: nonceR, Sealed: seal(i.step1.errKey(nonceR), row.plain)})
		if !row.ok {
			rejected(t, i, b)
		} else if _, err := i.Finish(b); !errors.As(err, new(*Refusal)) {
			t.Errorf("%s: error = %v", row.name, err)
		}
	}
}

func TestRefusalError(t *testing.T) {
	err := error(&Refusal{RefusedMode, 0, "a\nb"})
	if s := err.Error(); strings.Contains(s, "\n") || !strings.Contains(s, "mode not allowed") {
		t.Errorf("error text is %q", s)
	}
	for code, want := range map[RefusalCode]string{
		1: "credential not accepted", 2: "mode not allowed", 3: "not now", 9: "code 9",
	} {
		if code.String() != want {
			t.Errorf("code %d is %q, want %q", uint8(code), code, want)
		}
	}
}
