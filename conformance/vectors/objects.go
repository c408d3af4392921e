package vectors

import (
	"crypto/sha256"
	"fmt"
	"slices"

	"github.com/pqcoap/pqcoap/conformance/reference"
)

// objects are the CBOR objects of section 3.
func objects() []Scenario { return slices.Concat(serverCredentials(), kemKeys(), pskKeys()) }

func objectOf(object, name, about string, expect Outcome, b []byte) *Object {
	return &Object{Header: Header{name, "Section 3, " + object + ": " + about, KindObject, expect}, Object: object, Bytes: b}
}

// serverCredentials are cred_S.
func serverCredentials() (all []Scenario) {
	for _, suite := range suites {
		credS := newPair(suite, reference.ModeNone).device.CredS
		fingerprint := sha256.Sum256(credS)
		v := objectOf("cred_S", fmt.Sprintf("cred_s-%d", suite.Number), "a key of the suite.", OK, credS)
		v.Suite, v.Fingerprint, v.KidS = suite.Number, fingerprint[:], reference.KeyID(credS)
		all = append(all, v, objectOf("cred_S", fmt.Sprintf("cred_s-unreduced-%d", suite.Number),
			"the first coefficient of pk_S is 3329 (FIPS 203 section 7.2).", InvalidKey,
			suite.PublicObject(unreduced(newPair(suite, reference.ModeNone).device.PkS))))
	}
	pk := newPair(plain, reference.ModeNone).device.PkS
	credS := plain.PublicObject(pk)
	number, bytes := reference.Uint, reference.Bytes
	of := func(name, about string, expect Outcome, b []byte) {
		all = append(all, objectOf("cred_S", "cred_s-"+name, about, expect, b))
	}
	of("trailing-byte", "one byte behind it.", Malformed, append(slices.Clone(credS), 0))
	of("suite-two-bytes", "suite 2 in two bytes.", Malformed, append([]byte{0x82, 0x18}, credS[1:]...))
	of("three-elements", "an element too many.", Malformed, reference.Array(number(2), bytes(pk), reference.Null()))
	of("suite-unknown", "suite 5.", Unsupported, reference.Array(number(5), bytes(pk)))
	of("pk-short", "pk_S is a byte short.", InvalidKey, reference.Array(number(2), bytes(pk[1:])))
	return all
}

// kemKeys are private keys in files.
func kemKeys() (all []Scenario) {
	object := func(version uint64, kind string, suite byte, seed []byte) []byte {
		return reference.Array(reference.Uint(version), reference.Text(kind), reference.Uint(uint64(suite)), reference.Bytes(seed))
	}
	for _, suite := range suites {
		seed := longTerm("sk_S", suite)
		pk := must1(suite.KEM.PublicKey(seed))
		v := objectOf("kem-key", fmt.Sprintf("kem-key-%d", suite.Number), "a key of the suite.", OK, object(1, "kem", suite.Number, seed))
		v.Suite, v.CredS, v.Reference = suite.Number, suite.PublicObject(pk), suite.Reference(pk)
		all = append(all, v)
	}
	seed := longTerm("sk_S", plain)
	of := func(name, about string, expect Outcome, b []byte) {
		all = append(all, objectOf("kem-key", "kem-key-"+name, about, expect, b))
	}
	of("version-2", "a version that this text does not know.", Unsupported, object(2, "kem", 2, seed))
	of("suite-unknown", "suite 5.", Unsupported, object(1, "kem", 5, seed))
	of("kind", "another kind of key.", Malformed, object(1, "key", 2, seed))
	of("seed-short", "a seed of 63 bytes.", InvalidKey, object(1, "kem", 2, seed[1:]))
	return all
}

// pskKeys are pre-shared keys in files.
func pskKeys() (all []Scenario) {
	p := newPair(plain, reference.ModePSK).device
	object := func(version uint64, kind string, id, key []byte) []byte {
		return reference.Array(reference.Uint(version), reference.Text(kind), reference.Bytes(id), reference.Bytes(key))
	}
	good := objectOf("psk-key", "psk-key", "a pre-shared key.", OK, object(1, "psk", p.PSKID, p.PSK))
	good.ID, good.Key = p.PSKID, p.PSK
	of := func(name, about string, expect Outcome, b []byte) Scenario {
		return objectOf("psk-key", "psk-key-"+name, about, expect, b)
	}
	return []Scenario{
		good,
		of("version-2", "a version that this text does not know.", Unsupported, object(2, "psk", p.PSKID, p.PSK)),
		of("kind", "another kind of key.", Malformed, object(1, "kem", p.PSKID, p.PSK)),
		of("id-short", "an identifier of 15 bytes.", Malformed, object(1, "psk", p.PSKID[1:], p.PSK)),
		of("key-short", "a key of 31 bytes.", Malformed, object(1, "psk", p.PSKID, p.PSK[1:])),
		of("zeros", "a key of zeros.", InvalidKey, object(1, "psk", p.PSKID, make([]byte, 32))),
		of("trailing-byte", "one byte behind it.", Malformed, append(object(1, "psk", p.PSKID, p.PSK), 0)),
	}
}
