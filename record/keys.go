package record

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha512"
	"encoding/binary"
	"fmt"
	"hash"
	"slices"

	"golang.org/x/crypto/cryptobyte"
)

const (
	// labelPrefix takes the place of "tls13 " (RFC 9147 section 5.9).
	labelPrefix = "dtls13"
	ivSize      = 12 // RFC 8446 section 5.3
	tagSize     = 16 // RFC 5116 section 5.1
	maskSize    = aes.BlockSize
	maxSecret   = sha512.Size384
)

// expandLabel is HKDF-Expand-Label with an empty context (RFC 8446 section
// 7.1). The label comes with its prefix.
func expandLabel(h func() hash.Hash, secret []byte, label string, size int) ([]byte, error) {
	var b cryptobyte.Builder
	b.AddUint16(uint16(size))
	b.AddUint8LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes([]byte(label)) })
	b.AddUint8(0)
	info, err := b.Bytes()
	if err != nil {
		return nil, err
	}
	return hkdf.Expand(h, secret, string(info), size)
}

// trafficKeys are the keys of one epoch and direction (RFC 8446 section 7.3,
// RFC 9147 section 4.2.3).
type trafficKeys struct {
	key, iv, sn []byte
}

// deriveKeys is expandLabel three times. None is longer than the hash, so that each is the first
// block of HKDF-Expand, HMAC(secret, label || 1), and they can share one HMAC (RFC 5869 section 2.3).
func deriveKeys(suite CipherSuite, secret []byte) (k trafficKeys, err error) {
	h, keySize, err := suite.algorithms()
	if err != nil {
		return k, err
	}
	mac := hmac.New(h, secret)
	if len(secret) != mac.Size() {
		return k, fmt.Errorf("%w: size of a traffic secret", ErrConfig)
	}
	room := make([]byte, 0, 3*maxSecret)
	expand := func(label string, size int) []byte {
		start := len(room)
		room = append(room, 0, byte(size), byte(len(labelPrefix+label)))
		room = append(append(append(room, labelPrefix...), label...), 0, 1)
		mac.Reset()
		mac.Write(room[start:])
		room = mac.Sum(room[:start])[:start+size]
		return room[start:]
	}
	k.key, k.iv, k.sn = expand("key", keySize), expand("iv", ivSize), expand("sn", keySize)
	return k, nil
}

// read takes keys of a suite out of b, which they alias, and returns how many bytes they are.
func (k *trafficKeys) read(suite CipherSuite, b []byte) (n int, ok bool) {
	_, size, err := suite.algorithms()
	if n = 2*size + ivSize; err != nil || len(b) < n {
		return 0, false
	}
	k.key, k.iv, k.sn = b[:size], b[size:size+ivSize], b[size+ivSize:n]
	return n, true
}

// clone returns a copy in memory of its own.
func (k *trafficKeys) clone() trafficKeys {
	b := slices.Concat(k.key, k.iv, k.sn)
	n := len(k.key)
	return trafficKeys{b[:n], b[n : n+ivSize], b[n+ivSize:]}
}

func (k *trafficKeys) wipe() {
	clear(k.key)
	clear(k.iv)
	clear(k.sn)
}

// protection is the expanded form of trafficKeys. Its arrays are scratch
// space: what is passed through an interface would otherwise be allocated for
// every record.
type protection struct {
	aead  cipher.AEAD
	sn    cipher.Block
	iv    uint64         // last 8 bytes of the iv
	nonce [ivSize]byte   // first 4 bytes of the iv, then iv xor sequence number
	mask  [maskSize]byte // of the last record
}

func newProtection(suite CipherSuite, secret []byte) (*protection, error) {
	k, err := deriveKeys(suite, secret)
	if err != nil {
		return nil, err
	}
	defer k.wipe()
	return k.expand()
}

func (k *trafficKeys) expand() (*protection, error) {
	block, err := aes.NewCipher(k.key)
	if err != nil {
		return nil, err
	}
	p := &protection{iv: binary.BigEndian.Uint64(k.iv[4:])}
	copy(p.nonce[:], k.iv)
	if p.aead, err = cipher.NewGCM(block); err != nil {
		return nil, err
	}
	p.sn, err = aes.NewCipher(k.sn)
	return p, err
}

// nonceOf returns the nonce of a record (RFC 8446 section 5.3), valid until
// the next call. The epoch is no part of it (RFC 9147 section 4).
func (p *protection) nonceOf(seq uint64) []byte {
	binary.BigEndian.PutUint64(p.nonce[4:], p.iv^seq)
	return p.nonce[:]
}

// maskOf returns the mask of the sequence number (RFC 9147 section 4.2.3),
// valid until the next call. The ciphertext has at least maskSize bytes.
func (p *protection) maskOf(ciphertext []byte) []byte {
	p.sn.Encrypt(p.mask[:], ciphertext[:maskSize])
	return p.mask[:]
}
