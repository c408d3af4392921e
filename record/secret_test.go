package record

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
)

// traffic upd of TLS 1.3 with the prefix of DTLS 1.3, checked with
// openssl kdf -keylen 32 -kdfopt digest:SHA256 -kdfopt mode:EXPAND_ONLY -kdfopt hexkey:SECRET
// -kdfopt prefix:dtls13 -kdfopt "label:traffic upd" TLS13-KDF.
func TestNextSecret(t *testing.T) {
	for _, tc := range []struct {
		vector int
		want   string
	}{{0, "ad8aa21a3d874bbebf9fdf442aafe175072af91c39af50b6ac26113e54981ae0"}, {1, "86e8e99fe9f2aabdae282580b8ab4a546eca9c0d948c30e48be72e08a4d816fd08cc79f761c5055e83a90420ee1c4857"}} {
		v := vectors[tc.vector]
		got, err := secret(unhex(t, v.secret)).next(v.suite)
		if err != nil || !bytes.Equal(got, unhex(t, tc.want)) {
			t.Errorf("%v: %v, want %s, error %v", v.suite, []byte(got), tc.want, err)
		}
	}
}

// Whatever verb prints what holds a secret, and whatever encoder: no byte of it is seen.
func TestSecretsDoNotPrint(t *testing.T) {
	conn, _ := testPair(t, AES128GCMSHA256, ConnectionID{})
	control := NewControl(conn, ControlConfig{}, time.Unix(0, 0))
	state, err := control.Export()
	if err != nil {
		t.Fatal(err)
	}
	s := secret(testSecret(AES128GCMSHA256, 1))
	for _, v := range []any{s, &s, struct{ S secret }{s}, state, &state, []State{state}} {
		texts := []string{fmt.Sprintf("%v %+v %#v %s %q %x %X %d", v, v, v, v, v, v, v, v)}
		if b, err := json.Marshal(v); err == nil {
			texts = append(texts, string(b))
		}
		for _, text := range texts {
			for _, leak := range []string{"01010101", "1 1 1 1", "0x1, 0x1", "\\x01\\x01", "AQEBAQ"} {
				if strings.Contains(text, leak) {
					t.Errorf("%T prints as %s", v, text)
				}
			}
		}
	}
}

func TestSecretsWiped(t *testing.T) {
	conn, _ := testPair(t, AES256GCMSHA384, ConnectionID{})
	sent, received := conn.send.secret, conn.receive[0].secret
	for range 2 { // the second update closes the first epoch
		if conn.updateSend() != nil || conn.updateReceive() != nil {
			t.Fatal("no update")
		}
	}
	second := conn.receive[1].secret
	for name, s := range map[string]secret{"sent": sent, "received": received} {
		if !bytes.Equal(s, make([]byte, len(s))) {
			t.Errorf("secret of what is %s is not wiped", name)
		}
	}
	conn.dropOld()
	if !bytes.Equal(second, make([]byte, len(second))) {
		t.Error("secret of a dropped epoch is not wiped")
	}
}
