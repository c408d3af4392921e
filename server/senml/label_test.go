package senml

import "testing"

// The labels 9, -7, 2^63+1, -2^63 and "x" are ignored (RFC 8428 section 4.4).
func TestUnknownLabels(t *testing.T) {
	got, err := Parse(CBOR, unhex("81 a7006161 0201 0901 2601 1b800000000000000001 3b7fffffffffffffff01 6178c48101"), testNow)
	if err != nil || len(got) != 1 || got[0].Number != 1 {
		t.Errorf("%v, %v", got, err)
	}
}
