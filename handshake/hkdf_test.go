package handshake

import (
	"bytes"
	"crypto/hkdf"
	"encoding/binary"
	"testing"
)

// TestHKDF compares extract and expand with crypto/hkdf, for all lengths in use and the
// longest contexts that there can be.
func TestHKDF(t *testing.T) {
	r := random("hkdf")
	for _, suite := range allSuites {
		size := suite.Hash().Size()
		for _, n := range []int{0, 16, 32, 48, 64} {
			salt, ikm := make([]byte, size), make([]byte, n)
			r.Read(salt)
			r.Read(ikm)
			want, err := hkdf.Extract(suite.Hash().New, ikm, salt)
			if err != nil {
				t.Fatal(err)
			}
			got := suite.extract(salt, ikm)
			if !bytes.Equal(got, want) {
				t.Errorf("%v: extract of %d bytes differs", suite, n)
			}
			for _, label := range []string{"", "m1", "session id", "resumption"} {
				context := ikm
				for _, length := range []int{16, 32, size} {
					info := binary.BigEndian.AppendUint16(nil, uint16(length))
					info = append(info, byte(8+len(label)))
					info = append(info, "pqcoap1 "+label...)
					info = append(info, byte(len(context)))
					info = append(info, context...)
					want, err := hkdf.Expand(suite.Hash().New, got, string(info), length)
					if err != nil {
						t.Fatal(err)
					}
					if !bytes.Equal(suite.expand(got, label, context, length), want) {
						t.Errorf("%v: expand of %q, %d bytes differs", suite, label, length)
					}
				}
			}
		}
	}
}

// TestHMACTooLong: nothing is cut silently.
func TestHMACTooLong(t *testing.T) {
	for _, row := range []struct{ key, message int }{{65, 1}, {32, maxHMACMessage + 1}} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("HMAC of %d bytes under %d", row.message, row.key)
				}
			}()
			MLKEM512.hmac(make([]byte, row.key), make([]byte, row.message))
		}()
	}
}
