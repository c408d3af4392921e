package handshake

// A ServerCredential is cred_S in its pinned form, CBOR [suite, pk_S]: what a device
// trusts, and what GET /hs serves (docs/protocol.md section 3).
type ServerCredential struct {
	public *PublicKey
}

// keyIDSize is the length of kid_S.
const keyIDSize = 8

// ParseServerCredential decodes cred_S. It fails with ErrMalformed, with ErrUnsupported
// for a suite it does not know, or with ErrKey.
func ParseServerCredential(b []byte) (*ServerCredential, error) {
	var o publicKeyObject
	if err := decode(b, &o); err != nil {
		return nil, err
	}
	if !o.Suite.Valid() {
		return nil, ErrUnsupported
	}
	public, err := ParsePublicKey(o.Suite, o.Key)
	if err != nil {
		return nil, err
	}
	return &ServerCredential{public}, nil
}

// Bytes returns a copy of cred_S.
func (c *ServerCredential) Bytes() []byte { return append([]byte(nil), c.public.object...) }

// Fingerprint returns SHA-256(cred_S), what a device may pin instead of the whole.
func (c *ServerCredential) Fingerprint() [32]byte { return c.public.digest }

// KeyID returns kid_S: the first 8 bytes of the fingerprint.
func (c *ServerCredential) KeyID() [keyIDSize]byte { return [keyIDSize]byte(c.public.digest[:]) }

// PublicKey returns pk_S.
func (c *ServerCredential) PublicKey() *PublicKey { return c.public }

// Suite returns the one suite that the device uses with this server.
func (c *ServerCredential) Suite() Suite { return c.public.suite }

// A ClientCredential is what sealed_1 named: credential_C of docs/protocol.md section 4.
type ClientCredential struct {
	Mode Mode
	ID   [16]byte // DeviceID in ModeKEM, PSK.ID in ModePSK, else zero
}

// Forms of credential_C in an array; null is ModeNone.
const (
	formKEM = 1
	formPSK = 2
	formCWT = 3
)

// object returns the credential for the encoder.
func (c ClientCredential) object() []any {
	switch c.Mode {
	case ModeKEM:
		return []any{uint64(formKEM), c.ID[:]}
	case ModePSK:
		return []any{uint64(formPSK), c.ID[:]}
	}
	return nil
}

// parseClientCredential is the inverse. It fails with ErrMalformed, or ErrUnsupported for
// the form that is reserved.
func parseClientCredential(o []any) (c ClientCredential, err error) {
	if o == nil {
		return c, nil
	}
	if len(o) != 2 {
		return c, ErrMalformed
	}
	form, ok1 := o[0].(uint64)
	body, ok2 := o[1].([]byte)
	if !ok1 || !ok2 {
		return c, ErrMalformed
	}
	switch {
	case form == formCWT:
		return c, ErrUnsupported
	case form == formKEM && len(body) == len(c.ID):
		c.Mode = ModeKEM
	case form == formPSK && len(body) == len(c.ID):
		c.Mode = ModePSK
	default:
		return c, ErrMalformed
	}
	copy(c.ID[:], body)
	return c, nil
}
