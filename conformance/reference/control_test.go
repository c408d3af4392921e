package reference

import (
	"bytes"
	"testing"
)

// TestMessages: what is made is parsed, and no other byte string of a changed byte or length is
// parsed as the same.
func TestMessages(t *testing.T) {
	m := Message{24, 0x0102, Hex{1}}
	parse := map[string]func(b []byte) (again []byte, err error){
		string(m.Bytes()): func(b []byte) ([]byte, error) { m, err := ParseMessage(b); return m.Bytes(), err },
		string(ACK(Number{3, 7}, Number{4, 0})): func(b []byte) ([]byte, error) {
			n, err := ParseACK(b)
			return ACK(n...), err
		},
		"\x00cookie..": func(b []byte) ([]byte, error) {
			p, err := ParsePath(b)
			return append([]byte{p.Type}, p.Cookie...), err
		},
	}
	for valid, f := range parse {
		if again, err := f([]byte(valid)); err != nil || string(again) != valid {
			t.Errorf("%x: %x, %v", valid, again, err)
		}
		for n := range valid {
			if _, err := f([]byte(valid[:n])); err == nil {
				t.Errorf("%x: parsed", valid[:n])
			}
			changed := []byte(valid)
			changed[n] ^= 0x10
			if again, err := f(changed); err == nil && bytes.Equal(again, []byte(valid)) {
				t.Errorf("%x: parsed as %x", changed, again)
			}
		}
	}
}
