package reference

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/binary"
	"hash"
)

// A Suite is one row of docs/protocol.md section 2.
type Suite struct {
	Number     byte
	KEM        KEM
	PublicSize int // pk
	CipherSize int // ct
	KeySize    int // of the AEAD
	Hash       func() hash.Hash
}

// The suites whose KEM is in the standard library.
var (
	XWing     = Suite{1, xwing{}, 1216, 1120, 32, sha512.New384}
	MLKEM768  = Suite{2, mlkem768{}, 1184, 1088, 32, sha512.New384}
	MLKEM1024 = Suite{4, mlkem1024{}, 1568, 1568, 32, sha512.New384}
)

// MLKEM512 is suite 3. Its KEM has to be brought along.
func MLKEM512(k KEM) Suite { return Suite{3, k, 800, 768, 16, sha256.New} }

// Sum is Hash of docs/protocol.md section 5.
func (s Suite) Sum(b []byte) []byte {
	h := s.Hash()
	h.Write(b)
	return h.Sum(nil)
}

// H is H(a, b, ...) of section 5.
func (s Suite) H(inputs ...[]byte) Hex {
	var framed []byte
	for _, in := range inputs {
		framed = binary.BigEndian.AppendUint32(framed, uint32(len(in)))
		framed = append(framed, in...)
	}
	return s.Sum(framed)
}

// extract is HKDF-Extract (RFC 5869 section 2.2). No input of ours can make it fail: the
// error is of FIPS mode only.
func (s Suite) extract(salt, ikm []byte) Hex {
	out, err := hkdf.Extract(s.Hash, ikm, salt)
	if err != nil {
		panic(err)
	}
	return out
}

// expand is Expand of section 5, with the length L that goes with the label.
func (s Suite) expand(secret []byte, label string, context []byte) Hex {
	size := s.Hash().Size()
	switch label {
	case "m1", "m2", "m1r", "m2r", "err":
		size = s.KeySize
	case "resumption":
		size = 32
	case "session id":
		size = 16
	}
	return expandLabel(s.Hash, secret, "pqcoap1 "+label, context, size)
}

// expandLabel is HKDF-Expand with the HkdfLabel of RFC 8446 section 7.1. The label has
// its prefix.
func expandLabel(h func() hash.Hash, secret []byte, label string, context []byte, size int) Hex {
	info := binary.BigEndian.AppendUint16(nil, uint16(size))
	info = append(append(info, byte(len(label))), label...)
	info = append(append(info, byte(len(context))), context...)
	out, err := hkdf.Expand(h, secret, string(info), size)
	if err != nil {
		panic(err)
	}
	return out
}

// gcm returns AES-GCM under a key whose size the suite gives.
func gcm(key []byte) cipher.AEAD {
	block, err := aes.NewCipher(key)
	if err != nil {
		panic(err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		panic(err)
	}
	return aead
}

// Seal is the AEAD of sections 4 and 6: nonce zero, no additional data.
func Seal(key, plaintext []byte) []byte {
	return gcm(key).Seal(nil, make([]byte, 12), plaintext, nil)
}

// unseal is the inverse.
func unseal(key, sealed []byte) ([]byte, error) {
	plaintext, err := gcm(key).Open(nil, make([]byte, 12), sealed, nil)
	if err != nil {
		return nil, ErrRejected
	}
	return plaintext, nil
}
