package handshake

import (
	"fmt"
	"io"
)

// A PSK is a pre-shared key and the identifier by which sealed_1 names it: both random,
// the identifier unique at the server (docs/protocol.md section 3).
type PSK struct {
	ID  [16]byte
	Key PSKKey
}

// GeneratePSK reads an identifier, then a key.
func GeneratePSK(rand io.Reader) (*PSK, error) {
	seed, err := readSeed(rand, 16+32)
	if err != nil {
		return nil, err
	}
	defer wipe(seed)
	return &PSK{ID: [16]byte(seed[:16]), Key: PSKKey(seed[16:])}, nil
}

// set tells a key from the zero value: with a key of zeros mode psk would be mode none.
func (p *PSK) set() bool { return p.Key != PSKKey{} }

// String returns a fingerprint of the key.
func (p PSK) String() string { return p.Key.String() }

// Format writes what String returns, whatever the verb.
func (p PSK) Format(f fmt.State, _ rune) { io.WriteString(f, p.String()) }

// MarshalText returns what String returns: for JSON, XML and slog.
func (p PSK) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// MarshalBinary fails. Use Append.
func (p PSK) MarshalBinary() ([]byte, error) { return nil, errSecret }

// A PSKKey is the secret of a PSK. It prints as a fingerprint in every format.
type PSKKey [32]byte

// String returns a fingerprint.
func (k PSKKey) String() string { return fingerprint("psk", k[:]) }

// Format writes what String returns, whatever the verb.
func (k PSKKey) Format(f fmt.State, _ rune) { io.WriteString(f, k.String()) }

// MarshalText returns what String returns: for JSON, XML and slog.
func (k PSKKey) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// MarshalBinary fails. Use PSK.Append.
func (k PSKKey) MarshalBinary() ([]byte, error) { return nil, errSecret }
