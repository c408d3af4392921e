package keyfile

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"testing"
)

// cheap is a cost for tests.
var cheap = Cost{Passes: 1, Memory: 8, Lanes: 1}

var (
	secret = []byte("a key object of some length, 48 bytes, to be kept")
	phrase = []byte("correct horse battery staple")
)

func sealed(t testing.TB, cost Cost) []byte {
	t.Helper()
	b, err := Seal(rand.Reader, secret, phrase, cost)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestSealOpen(t *testing.T) {
	for _, cost := range []Cost{cheap, Device, {Passes: 2, Memory: 64, Lanes: 4}} {
		b := sealed(t, cost)
		got, err := Open(b, phrase)
		if err != nil || !bytes.Equal(got, secret) || bytes.Contains(b, secret[:8]) || !IsSealed(b) {
			t.Errorf("%+v: %q, %v", cost, got, err)
		}
		if bytes.Equal(b, sealed(t, cost)) {
			t.Error("salt and nonce are not fresh")
		}
	}
	if IsSealed(secret) || IsSealed(nil) || IsSealed([]byte{0x82, 1, 0x63, 'k', 'e', 'm'}) || !IsSealed(encode([]any{2, "sealed"})) {
		t.Error("IsSealed")
	}
}

// A file of today stays readable: made with salt and nonce of zeros. The bytes are those that
// Argon2id and AES-256-GCM of another implementation (OpenSSL) give.
func TestVector(t *testing.T) {
	const vector = "8601667365616c65648301080150000000000000000000000000000000004c00000000000000000000000054dec4a780fd0733e64efeb004dabf5a1ddde67b95"
	b, err := Seal(zeros{}, []byte("seed"), []byte("passphrase"), cheap)
	if err != nil || hex.EncodeToString(b) != vector {
		t.Errorf("%x, %v", b, err)
	}
	if got, err := Open(b, []byte("passphrase")); err != nil || string(got) != "seed" {
		t.Errorf("%q, %v", got, err)
	}
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) { clear(b); return len(b), nil }

func TestWrongPassphrase(t *testing.T) {
	b := sealed(t, cheap)
	for _, p := range []string{"", "x", "correct horse battery stapl", "correct horse battery staple ", "Correct horse battery staple", string(make([]byte, MaxPassphrase+1))} {
		if got, err := Open(b, []byte(p)); !errors.Is(err, ErrPassphrase) || got != nil {
			t.Errorf("%q: %q, %v", p, got, err)
		}
	}
	for _, p := range [][]byte{nil, make([]byte, MaxPassphrase+1)} {
		if _, err := Seal(rand.Reader, secret, p, cheap); !errors.Is(err, ErrPassphrase) {
			t.Errorf("sealed under %d bytes: %v", len(p), err)
		}
	}
}

// Nothing of a file can be changed, cut off or added, the parameters included.
func TestSealedChanged(t *testing.T) {
	b := sealed(t, cheap)
	for i := range b {
		for _, flip := range []byte{1, 0x80} {
			changed := bytes.Clone(b)
			changed[i] ^= flip
			if got, err := Open(changed, phrase); err == nil {
				t.Errorf("byte %d changed: opened as %q", i, got)
			}
		}
		if _, err := Open(b[:i], phrase); !errors.Is(err, ErrMalformed) {
			t.Errorf("%d bytes: %v", i, err)
		}
	}
	if _, err := Open(append(bytes.Clone(b), 0), phrase); !errors.Is(err, ErrMalformed) {
		t.Errorf("a byte more: %v", err)
	}
}

// A file cannot have its reader do any amount of work: what it asks for is refused before.
func TestCostBounded(t *testing.T) {
	for _, c := range []Cost{
		{}, {Passes: 0, Memory: 8, Lanes: 1}, {Passes: 1, Memory: 8, Lanes: 0}, {Passes: 1, Memory: 7, Lanes: 1}, {Passes: 1, Memory: 31, Lanes: 4},
		{Passes: maxPasses + 1, Memory: 8, Lanes: 1}, {Passes: 1, Memory: maxMemory + 1, Lanes: 1}, {Passes: 1, Memory: 1 << 31, Lanes: 1},
		{Passes: 1 << 31, Memory: 8, Lanes: 1}, {Passes: 1, Memory: 64, Lanes: maxLanes + 1}, {Passes: 1, Memory: 1 << 20, Lanes: 255},
	} {
		o := object{Version: 1, Kind: kind, Cost: c, Salt: make([]byte, saltSize), Nonce: make([]byte, nonceSize), Ciphertext: make([]byte, 64)}
		if _, err := Open(encode(o), phrase); !errors.Is(err, ErrCost) {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

func TestMalformed(t *testing.T) {
	good := func() object {
		return object{Version: 1, Kind: kind, Cost: cheap, Salt: make([]byte, saltSize), Nonce: make([]byte, nonceSize), Ciphertext: make([]byte, 64)}
	}
	for name, change := range map[string]func(*object){
		"version":    func(o *object) { o.Version = 2 },
		"kind":       func(o *object) { o.Kind = "kem" },
		"salt":       func(o *object) { o.Salt = nil },
		"nonce":      func(o *object) { o.Nonce = make([]byte, 24) },
		"ciphertext": func(o *object) { o.Ciphertext = make([]byte, tagSize-1) },
		"size":       func(o *object) { o.Ciphertext = make([]byte, 2*maxObject) },
	} {
		o := good()
		change(&o)
		if _, err := Open(encode(o), phrase); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Open(bytes.Replace(encode(good()), []byte{0x50}, []byte{0x58, 0x10}, 1), phrase); !errors.Is(err, ErrMalformed) {
		t.Error("a length that is not the shortest is accepted")
	}
}

func FuzzOpen(f *testing.F) {
	f.Add(sealed(f, cheap))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > 512 || bytes.Contains(b, []byte{0x1a}) || bytes.Contains(b, []byte{0x19}) {
			return // costs that take long
		}
		if got, err := Open(b, []byte("another")); err == nil {
			t.Errorf("opened: %q", got)
		}
		IsSealed(b)
	})
}

func BenchmarkOpen(b *testing.B) {
	for name, cost := range map[string]Cost{"server": Server, "device": Device} {
		b.Run(name, func(b *testing.B) {
			file := sealed(b, cost)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Open(file, phrase); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
