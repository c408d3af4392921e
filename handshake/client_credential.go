package handshake

// A ClientCredential is what sealed_1 named: credential_C of docs/protocol.md section 4. It
// is comparable.
type ClientCredential struct {
	Mode  Mode
	ID    [16]byte // DeviceID in ModeKEM without a Token, PSK.ID in ModePSK, else zero
	Token string   // in ModeKEM, of a device that an authority vouches for: its token, not verified
}

// Forms of credential_C in an array; null is ModeNone.
const (
	formKEM = 1
	formPSK = 2
	formCWT = 3
)

// Reference returns the credential by which the device is known from now on: where it has
// shown a token, the DeviceID of its key, else what it named. A ticket has that, so that the
// session after a renewed token can go on with it.
func (c ClientCredential) Reference(key *PublicKey) ClientCredential {
	if c.Token == "" {
		return c
	}
	return ClientCredential{Mode: c.Mode, ID: key.DeviceID()}
}

// names reports whether the credential of a device in ModeKEM is one of the key.
func (c ClientCredential) names(key *PublicKey) bool {
	if c.Token == "" {
		return c.ID == key.DeviceID()
	}
	return key.in(c.Token) == nil
}

// object returns the credential for the encoder.
func (c ClientCredential) object() []any {
	switch {
	case c.Token != "":
		return []any{uint64(formCWT), []byte(c.Token)}
	case c.Mode == ModeKEM:
		return []any{uint64(formKEM), c.ID[:]}
	case c.Mode == ModePSK:
		return []any{uint64(formPSK), c.ID[:]}
	}
	return nil
}

// parseClientCredential is the inverse. It fails with ErrMalformed. A token is not read: who
// lets the device in verifies it.
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
	case form == formCWT && len(body) > 0 && len(body) <= MaxToken:
		return ClientCredential{Mode: ModeKEM, Token: string(body)}, nil
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
