package handshake

// keyVersion is the first element of a key object. A reader refuses any other.
const keyVersion = 1

// privateKeyObject is kem-key of docs/protocol.md section 3.
type privateKeyObject struct {
	_       struct{} `cbor:",toarray"`
	Version uint64
	Kind    string
	Suite   Suite
	Seed    []byte
}

// pskObject is psk-key of docs/protocol.md section 3.
type pskObject struct {
	_       struct{} `cbor:",toarray"`
	Version uint64
	Kind    string
	ID      []byte
	Key     []byte
}

const (
	kindKEM = "kem"
	kindPSK = "psk"
)

// Append appends the key object [1, "kem", suite, seed] to b. This is the secret itself.
func (k *PrivateKey) Append(b []byte) []byte {
	object := encode(privateKeyObject{
		Version: keyVersion, Kind: kindKEM, Suite: k.Suite(), Seed: k.seed,
	})
	defer wipe(object)
	return append(b, object...)
}

// ParsePrivateKey decodes a key object that Append made. It fails with ErrMalformed,
// ErrUnsupported for a version or suite it does not know, or ErrKey.
func ParsePrivateKey(b []byte) (*PrivateKey, error) {
	var o privateKeyObject
	if err := decode(b, &o); err != nil || o.Kind != kindKEM {
		return nil, ErrMalformed
	}
	defer wipe(o.Seed)
	if o.Version != keyVersion || !o.Suite.Valid() {
		return nil, ErrUnsupported
	}
	return NewPrivateKey(o.Suite, o.Seed)
}

// Append appends the key object [1, "psk", id, key] to b. This is the secret itself.
func (p *PSK) Append(b []byte) []byte {
	object := encode(pskObject{
		Version: keyVersion, Kind: kindPSK, ID: p.ID[:], Key: p.Key[:],
	})
	defer wipe(object)
	return append(b, object...)
}

// ParsePSK decodes a key object that Append made. It fails with ErrMalformed,
// ErrUnsupported for a version it does not know, or ErrKey.
func ParsePSK(b []byte) (*PSK, error) {
	var o pskObject
	if err := decode(b, &o); err != nil || o.Kind != kindPSK {
		return nil, ErrMalformed
	}
	defer wipe(o.Key)
	if o.Version != keyVersion {
		return nil, ErrUnsupported
	}
	p := new(PSK)
	if len(o.ID) != len(p.ID) || len(o.Key) != len(p.Key) {
		return nil, ErrMalformed
	}
	copy(p.ID[:], o.ID)
	copy(p.Key[:], o.Key)
	if !p.set() {
		return nil, ErrKey
	}
	return p, nil
}
