package node

import (
	"errors"
	"testing"

	"github.com/fxamacker/cbor/v2"
)

// What is sealed is believed, but a state of another version may be there.
func TestParseKept(t *testing.T) {
	for name, o := range map[string]any{
		"not an array": "x",
		"too short":    []any{[]byte{}, []byte{}},
		"ticket":       keptObject{Ticket: []byte("x")},
		"no server":    keptObject{Session: []byte("x")},
	} {
		b, err := cbor.Marshal(o)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := parseKept(b); !errors.Is(err, ErrState) {
			t.Errorf("%s: %v", name, err)
		}
	}
	k := testKept
	b, err := k.marshal()
	if err != nil {
		t.Fatal(err)
	}
	if got, err := parseKept(b); err != nil || got.server != k.server || string(got.session) != string(k.session) {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err := parseKept([]byte{0x84, 0x40, 0x40, 0x60, 0x00}); err != nil || got.session != nil || got.ticket != nil || !got.fullAt.IsZero() {
		t.Errorf("nothing kept: %+v, %v", got, err)
	}
}
