package handshake

import (
	"bytes"
	"testing"
)

func TestGeneratePSK(t *testing.T) {
	source := make([]byte, 48)
	for n := range source {
		source[n] = byte(n)
	}
	p, err := GeneratePSK(bytes.NewReader(source))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(p.ID[:], source[:16]) || !bytes.Equal(p.Key[:], source[16:]) {
		t.Error("not the bytes read, identifier first")
	}
	if _, err := GeneratePSK(bytes.NewReader(source[:47])); err == nil {
		t.Error("a PSK without randomness")
	}
	if !p.set() || new(PSK).set() {
		t.Error("set does not tell a key from none")
	}
}
