// Package keyfile seals key objects at rest under a passphrase (docs/protocol.md section 3):
//
//	sealed-key = [1, "sealed", [passes, memory, lanes], salt, nonce, ciphertext]
//
// The key is Argon2id (RFC 9106) of the passphrase and the salt, the ciphertext AES-256-GCM of the
// key object, and the deterministic encoding of [1, "sealed", [passes, memory, lanes], salt, nonce]
// its associated data. memory is in KiB. Salt and nonce are fresh each time.
//
//	sealed, err := keyfile.Seal(rand.Reader, key.Append(nil), passphrase, keyfile.Server)
//	object, err := keyfile.Open(sealed, passphrase) // to be cleared by the caller
//
// It does no I/O.
package keyfile

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"errors"
	"fmt"
	"io"

	"github.com/fxamacker/cbor/v2"
	"golang.org/x/crypto/argon2"
)

// A Cost is what it takes to try a passphrase once.
type Cost struct {
	_      struct{} `cbor:",toarray"`
	Passes uint32
	Memory uint32 // KiB
	Lanes  uint8
}

// Costs of new files. Server is the second recommended option of RFC 9106 section 4. Device fits a
// machine of 64 MiB, and takes its one core about as long.
var (
	Server = Cost{Passes: 3, Memory: 64 << 10, Lanes: 4}
	Device = Cost{Passes: 2, Memory: 19 << 10, Lanes: 1}
)

// Bounds of a Cost that Open accepts: at the most 128 MiB of memory, 8 times over. Whoever can
// change a file cannot have it exhaust the machine.
const (
	maxPasses = 8
	maxMemory = 128 << 10
	maxLanes  = 4
	minMemory = 8 // for each lane, of Argon2
)

// Bounds of the rest.
const (
	MaxPassphrase = 1024 // bytes
	maxObject     = 64 << 10
	saltSize      = 16
	nonceSize     = 12
	tagSize       = 16
	keySize       = 32
)

// Errors by class of failure.
var (
	ErrMalformed  = errors.New("not a sealed key object of version 1")
	ErrCost       = errors.New("asks for more work than a key file may: at most 8 passes, 128 MiB, 4 lanes")
	ErrPassphrase = errors.New("wrong passphrase, or the file is damaged")
	ErrSealed     = errors.New("sealed under a passphrase")
)

const (
	version = 1
	kind    = "sealed"
)

// head is what is authenticated in the clear.
type head struct {
	_       struct{} `cbor:",toarray"`
	Version uint64
	Kind    string
	Cost    Cost
	Salt    []byte
	Nonce   []byte
}

// object is the whole.
type object struct {
	_          struct{} `cbor:",toarray"`
	Version    uint64
	Kind       string
	Cost       Cost
	Salt       []byte
	Nonce      []byte
	Ciphertext []byte
}

func (o *object) head() head {
	return head{Version: o.Version, Kind: o.Kind, Cost: o.Cost, Salt: o.Salt, Nonce: o.Nonce}
}

var encoding = func() cbor.EncMode {
	m, err := cbor.CoreDetEncOptions().EncMode()
	if err != nil {
		panic(err) // constant options
	}
	return m
}()

func encode(v any) []byte {
	b, err := encoding.Marshal(v)
	if err != nil {
		panic("keyfile: " + err.Error()) // types of ours
	}
	return b
}

// IsSealed tells whether b says of itself that it is a sealed key object, of whatever version.
func IsSealed(b []byte) bool {
	var start []cbor.RawMessage
	var name string
	return len(b) <= 2*maxObject && cbor.Unmarshal(b, &start) == nil && len(start) > 1 && cbor.Unmarshal(start[1], &name) == nil && name == kind
}

// Seal seals a key object under a passphrase of 1 to 1024 bytes. It reads salt and nonce.
func Seal(rand io.Reader, keyObject, passphrase []byte, cost Cost) ([]byte, error) {
	if len(keyObject) > maxObject {
		return nil, fmt.Errorf("keyfile: larger than %d bytes", maxObject)
	}
	o := object{Version: version, Kind: kind, Cost: cost, Salt: make([]byte, saltSize), Nonce: make([]byte, nonceSize)}
	for _, b := range [][]byte{o.Salt, o.Nonce} {
		if _, err := io.ReadFull(rand, b); err != nil {
			return nil, err
		}
	}
	aead, err := o.aead(passphrase)
	if err != nil {
		return nil, err
	}
	o.Ciphertext = aead.Seal(nil, o.Nonce, keyObject, encode(o.head()))
	return encode(o), nil
}

// Open opens what Seal made, and returns the key object, which the caller clears. It fails with
// ErrMalformed, ErrCost or ErrPassphrase.
func Open(sealed, passphrase []byte) ([]byte, error) {
	var o object
	if len(sealed) > 2*maxObject || cbor.Unmarshal(sealed, &o) != nil || !bytes.Equal(encode(o), sealed) ||
		o.Version != version || o.Kind != kind || len(o.Salt) != saltSize || len(o.Nonce) != nonceSize || len(o.Ciphertext) < tagSize {
		return nil, ErrMalformed
	}
	aead, err := o.aead(passphrase)
	if err != nil {
		return nil, err
	}
	keyObject, err := aead.Open(nil, o.Nonce, o.Ciphertext, encode(o.head()))
	if err != nil {
		return nil, ErrPassphrase
	}
	return keyObject, nil
}

// aead is the cipher under the passphrase.
func (o *object) aead(passphrase []byte) (cipher.AEAD, error) {
	c := o.Cost
	switch {
	case c.Passes < 1 || c.Passes > maxPasses || c.Lanes < 1 || c.Lanes > maxLanes || c.Memory < minMemory*uint32(c.Lanes) || c.Memory > maxMemory:
		return nil, ErrCost
	case len(passphrase) == 0 || len(passphrase) > MaxPassphrase:
		return nil, ErrPassphrase
	}
	key := argon2.IDKey(passphrase, o.Salt, c.Passes, c.Memory, c.Lanes, keySize)
	defer clear(key)
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}
