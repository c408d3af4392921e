package handshake

import (
	"crypto"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/binary"
)

// HKDF is written out over the one-shot hashes of the standard library: the 24 uses of it
// in a handshake would otherwise be most of what a handshake allocates. The test compares
// it with crypto/hkdf.

// maxHMACMessage bounds the messages of hmac: an HkdfLabel with a transcript hash as its
// context has 71 bytes at most, a shared secret 48.
const maxHMACMessage = 128

// hmac is HMAC (RFC 2104) over a short message, with a key no longer than a block.
func (s Suite) hmac(key, message []byte) Secret {
	var inner, outer [sha512.BlockSize + maxHMACMessage]byte
	block := sha512.BlockSize
	if s.Hash() == crypto.SHA256 {
		block = sha256.BlockSize
	}
	if len(key) > block || len(message) > maxHMACMessage {
		panic("handshake: input of HMAC too long") // ours have fixed lengths
	}
	copy(inner[:block], key)
	copy(outer[:block], key)
	for n := range block {
		inner[n] ^= 0x36
		outer[n] ^= 0x5c
	}
	n := block + copy(inner[block:], message)
	defer wipe(inner[:])
	defer wipe(outer[:])
	if s.Hash() == crypto.SHA256 {
		sum := sha256.Sum256(inner[:n])
		out := sha256.Sum256(outer[:block+copy(outer[block:], sum[:])])
		return out[:]
	}
	sum := sha512.Sum384(inner[:n])
	out := sha512.Sum384(outer[:block+copy(outer[block:], sum[:])])
	return out[:]
}

// extract is HKDF-Extract, RFC 5869 section 2.2.
func (s Suite) extract(salt, ikm []byte) Secret { return s.hmac(salt, ikm) }

// expand is the first block of HKDF-Expand (RFC 5869 section 2.3), as no output is longer
// than the hash, with the HkdfLabel of RFC 8446 section 7.1 under our prefix.
func (s Suite) expand(secret Secret, label string, context []byte, size int) Secret {
	const prefix = "pqcoap1 "
	info := binary.BigEndian.AppendUint16(make([]byte, 0, maxHMACMessage), uint16(size))
	info = append(info, byte(len(prefix)+len(label)))
	info = append(info, prefix...)
	info = append(info, label...)
	info = append(info, byte(len(context)))
	info = append(info, context...)
	return s.hmac(secret, append(info, 1))[:size:size]
}
