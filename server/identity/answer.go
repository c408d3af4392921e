package identity

import "github.com/fxamacker/cbor/v2"

// An Answer is what a device learns when it is enrolled or renews: a map in deterministic CBOR
// (RFC 8949 section 4.2.1), in which what is empty is left out.
type Answer struct {
	Name      string // key 1: of the device
	Token     []byte // key 2: its credential
	Authority []byte // key 3: the COSE_Key of the authority that vouches for devices and servers
	Issuer    string // key 4: the authority's name
	Server    string // key 5: the name that the server's credential has
}

// The keys of an Answer.
const (
	keyName = 1 + iota
	keyToken
	keyAuthority
	keyIssuer
	keyServer
)

var encoding = func() cbor.EncMode {
	mode, err := cbor.CoreDetEncOptions().EncMode()
	if err != nil {
		panic("identity: " + err.Error()) // the options are constants
	}
	return mode
}()

// Append appends the answer to b.
func (a *Answer) Append(b []byte) []byte {
	o := make(map[uint64]any, 5)
	for key, text := range map[uint64]string{keyName: a.Name, keyIssuer: a.Issuer, keyServer: a.Server} {
		if text != "" {
			o[key] = text
		}
	}
	for key, value := range map[uint64][]byte{keyToken: a.Token, keyAuthority: a.Authority} {
		if len(value) > 0 {
			o[key] = value
		}
	}
	out, err := encoding.Marshal(o)
	if err != nil {
		panic("identity: " + err.Error()) // texts and bytes always encode
	}
	return append(b, out...)
}
