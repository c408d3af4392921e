package node

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"net/netip"
	"time"

	"github.com/fxamacker/cbor/v2"

	"github.com/pqcoap/pqcoap/handshake"
)

const (
	vaultVersion = 1
	stateKind    = "state"
	usedKind     = "used"
	saltSize     = 32
	// maxVaultFile bounds what is read; states are some 600 bytes.
	maxVaultFile = 64 << 10
)

// stateObject is the file of a state, and its first three fields what is authenticated with it.
type stateObject struct {
	_       struct{} `cbor:",toarray"`
	Version int
	Kind    string
	Number  uint64
	Nonce   []byte
	Sealed  []byte
}

// usedObject is the file beside it.
type usedObject struct {
	_       struct{} `cbor:",toarray"`
	Version int
	Kind    string
	Number  uint64
	Salt    []byte
}

// keptObject is what is sealed.
type keptObject struct {
	_       struct{} `cbor:",toarray"`
	Ticket  []byte
	Session []byte
	Server  string
	FullAt  int64 // Unix time; 0: not known
}

// seal fills in what is secret of a state.
func (v *vault) seal(o *stateObject, k kept) error {
	b, err := k.marshal()
	if err != nil {
		return err
	}
	defer clear(b)
	aead, err := v.aead()
	if err != nil {
		return err
	}
	o.Nonce = make([]byte, aead.NonceSize())
	rand.Read(o.Nonce)
	o.Sealed = aead.Seal(nil, o.Nonce, b, o.header())
	return nil
}

// open is the opposite of seal, as far as the plaintext.
func (v *vault) open(o *stateObject) ([]byte, error) {
	aead, err := v.aead()
	if err != nil {
		return nil, err
	}
	if len(o.Nonce) != aead.NonceSize() {
		return nil, errNotState
	}
	plain, err := aead.Open(nil, o.Nonce, o.Sealed, o.header())
	if err != nil {
		return nil, errNotState
	}
	return plain, nil
}

func (k *kept) marshal() ([]byte, error) {
	o := keptObject{Session: k.session}
	if k.ticket != nil {
		o.Ticket = k.ticket.Append(nil)
		defer clear(o.Ticket)
	}
	if k.session != nil {
		o.Server = k.server.String()
	}
	if !k.fullAt.IsZero() {
		o.FullAt = k.fullAt.Unix()
	}
	return cbor.Marshal(o)
}

func parseKept(plain []byte) (k kept, err error) {
	var o keptObject
	if cbor.Unmarshal(plain, &o) != nil {
		return k, errNotState
	}
	if len(o.Ticket) > 0 {
		if k.ticket, err = handshake.ParseResumptionState(o.Ticket); err != nil {
			return kept{}, fmt.Errorf("%w: its ticket: %w", ErrState, err)
		}
		clear(o.Ticket)
	}
	if len(o.Session) > 0 {
		k.session = o.Session
		if k.server, err = netip.ParseAddrPort(o.Server); err != nil {
			return kept{}, errNotState
		}
	}
	if o.FullAt != 0 {
		k.fullAt = time.Unix(o.FullAt, 0)
	}
	return k, nil
}

// header is what of a state is authenticated and not sealed.
func (o *stateObject) header() []byte {
	return fmt.Appendf(nil, "%d %s %d", o.Version, o.Kind, o.Number)
}

// keyLabel makes the key one for this use only.
const keyLabel = "pqcoap node state v1"

func (v *vault) aead() (cipher.AEAD, error) {
	key, err := hkdf.Key(sha256.New, v.secret, v.salt, keyLabel, 32)
	if err != nil {
		return nil, err
	}
	defer clear(key)
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// secretOf is what the key of a device's state is made of: nothing in mode none.
func secretOf(cfg *Config) []byte {
	switch {
	case cfg.Key != nil:
		return cfg.Key.Append(nil)
	case cfg.PSK != nil:
		return cfg.PSK.Append(nil)
	}
	return nil
}
