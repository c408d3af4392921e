package identity

import (
	"bytes"
	"encoding/hex"
	"testing"
)

func TestAnswer(t *testing.T) {
	for want, a := range map[string]Answer{
		"a0":             {},
		"a1016161":       {Name: "a"},
		"a202417403416b": {Token: []byte("t"), Authority: []byte("k")},
		"a5016161024174" + "03416b" + "046169056173": {"a", []byte("t"), []byte("k"), "i", "s"},
	} {
		if got := hex.EncodeToString(a.Append(nil)); got != want {
			t.Errorf("%+v: %s, want %s", a, got, want)
		}
		if got := a.Append([]byte("x")); !bytes.HasPrefix(got, []byte("x")) {
			t.Error("not appended")
		}
	}
}
