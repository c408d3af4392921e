package strict

import (
	"encoding/hex"
	"testing"
)

// One encoding for each value, and a limit of nesting.
func TestDecode(t *testing.T) {
	type pair struct {
		_    struct{} `cbor:",toarray"`
		A, B any
	}
	for text, want := range map[string]bool{
		"820102": true, "82016161": true, "828101f6": true,
		"82180102": false, "9f0102ff": false, "8201": false, "82010200": false, "83010203": false, "82c10102": false,
		"82a20101010202": false, "8281818181818101f6": false, "": false,
	} {
		b, err := hex.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		var p pair
		if got := New(4).Decode(b, &p); got != want {
			t.Errorf("%s: %v, want %v", text, got, want)
		}
	}
	var p pair
	if b, _ := hex.DecodeString("828181818101f6"); New(4).Decode(b, &p) || !New(8).Decode(b, &p) {
		t.Error("the levels of nesting do not count")
	}
}
