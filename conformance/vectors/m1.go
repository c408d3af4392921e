package vectors

import (
	"fmt"
	"slices"

	"github.com/pqcoap/pqcoap/conformance/reference"
)

// m1s are m1 at a server: what is accepted, and each way of being wrong.
func m1s() []Scenario {
	return slices.Concat(m1Shapes(), m1Flips(), m1Plaintexts(), m1Keys())
}

// m1Of is a scenario whose m1 does not open, or is not even parsed.
func m1Of(name, about string, expect Outcome, m1 []byte) *M1 {
	return &M1{
		Header: Header{"m1-" + name, about, KindM1, expect},
		Suite:  plain.Number, Seed: longTerm("sk_S", plain), M1: m1,
	}
}

// m1Shapes are sections 3 and 4 before any key is used.
func m1Shapes() []Scenario {
	d := newPair(plain, reference.ModeNone).open().device
	t, kid := &d.Trace, reference.KeyID(d.CredS)
	sealed := reference.Seal(t.K1, t.Plaintext1)
	encode := plain.EncodeM1
	other := flip(kid, 0)
	unknown := plain
	unknown.Number = 5
	raw := func(head []byte, rest []byte) []byte { return append(slices.Clone(head), rest...) }
	const about = "Section 4, shape of m1: "
	return []Scenario{
		m1Of("trailing-byte", about+"one byte behind it.", Malformed, raw(t.M1, []byte{0})),
		m1Of("truncated", about+"the last byte is missing.", Malformed, t.M1[:len(t.M1)-1]),
		m1Of("empty", about+"nothing.", Malformed, Hex{}),
		m1Of("suite-two-bytes", "Section 3: suite 2 in two bytes, not the shortest form.", Malformed,
			raw([]byte{0x85, 0x18, 2}, t.M1[2:])),
		m1Of("indefinite-array", "Section 3: an array of indefinite length.", Malformed,
			append(raw([]byte{0x9f}, t.M1[1:]), 0xff)),
		m1Of("tag", "Section 3: a tag before the array.", Malformed, raw([]byte{0xd9, 0xd9, 0xf7}, t.M1)),
		m1Of("suite-unknown", about+"suite 5.", Malformed, unknown.EncodeM1(kid, t.PkE, t.CtS, sealed)),
		m1Of("suite-other", about+"suite 4 with the sizes of suite 2.", Malformed,
			reference.MLKEM1024.EncodeM1(kid, t.PkE, t.CtS, sealed)),
		m1Of("four-elements", about+"sealed_1 is missing.", Malformed,
			reference.Array(reference.Uint(2), reference.Bytes(kid), reference.Bytes(t.PkE), reference.Bytes(t.CtS))),
		m1Of("six-elements", about+"an element too many.", Malformed,
			append(raw([]byte{0x86}, t.M1[1:]), 0xf6)),
		m1Of("kid_s-short", about+"kid_S of 7 bytes.", Malformed, encode(kid[:7], t.PkE, t.CtS, sealed)),
		m1Of("pk_e-short", about+"pk_e is a byte short.", Malformed, encode(kid, t.PkE[1:], t.CtS, sealed)),
		m1Of("ct_s-long", about+"ct_S is a byte long.", Malformed, encode(kid, t.PkE, append(t.CtS[:len(t.CtS):len(t.CtS)], 0), sealed)),
		m1Of("sealed_1-short", about+"sealed_1 is a tag and nothing else.", Malformed, encode(kid, t.PkE, t.CtS, sealed[:16])),
		m1Of("sealed_1-long", about+"sealed_1 of 5889 bytes.", Malformed, encode(kid, t.PkE, t.CtS, make([]byte, 5889))),
		m1Of("sealed_1-text", about+"sealed_1 is a text string.", Malformed,
			reference.Array(reference.Uint(2), reference.Bytes(kid), reference.Bytes(t.PkE), reference.Bytes(t.CtS), reference.Text("sealed"))),
		m1Of("kid_s-unknown", "Section 4: a kid_S that the server does not have.", UnknownKey, encode(other, t.PkE, t.CtS, sealed)),
	}
}

// m1Flips have one bit changed where only the AEAD can tell.
func m1Flips() []Scenario {
	d := newPair(plain, reference.ModeNone).open().device
	m1 := d.Trace.M1
	const kid = 2 + 1 // heads of the array and suite, then of kid_S
	pkE := kid + 8 + 3
	ctS := pkE + plain.PublicSize + 3
	sealed := ctS + plain.CipherSize + 2
	const about = "Section 4: one bit is changed in "
	return []Scenario{
		m1Of("flipped-pk_e", about+"pk_e.", Rejected, flip(m1, pkE+100)),
		m1Of("flipped-ct_s-first", about+"the first byte of ct_S.", Rejected, flip(m1, ctS)),
		m1Of("flipped-ct_s-last", about+"the last byte of ct_S.", Rejected, flip(m1, ctS+plain.CipherSize-1)),
		m1Of("flipped-sealed_1", about+"sealed_1.", Rejected, flip(m1, sealed)),
		m1Of("flipped-tag", about+"the tag of sealed_1.", Rejected, flip(m1, len(m1)-1)),
	}
}

// m1Sealed is a scenario whose sealed_1 opens.
func m1Sealed(d *reference.Device, seed Hex, name, about string, expect Outcome) *M1 {
	return &M1{
		Header: Header{"m1-" + name, about, KindM1, expect},
		Suite:  d.Suite.Number, Seed: seed,
		M1: d.Trace.M1, K1: d.Trace.K1, Plaintext1: d.Trace.Plaintext1,
	}
}

// A plaintext1 is one plaintext_1 and what becomes of it.
type plaintext1 struct {
	name, about string
	expect      Outcome
	bytes       []byte
}

// m1Plaintexts are sealed as they should be and hold what the row says.
func m1Plaintexts() (all []Scenario) {
	for i, row := range slices.Concat(credentials(), parameters()) {
		p := newPair(plain, reference.ModeNone)
		p.device.SeedE = random(plain.KEM.SeedSize(), "sk_e, plaintext_1 %d", i)
		p.device.RandomS = random(plain.KEM.RandomSize(), "encapsulation to pk_S, plaintext_1 %d", i)
		must(p.device.StartWith(row.bytes))
		v := m1Sealed(p.device, p.server.Seed, row.name, "Section 4, plaintext_1: "+row.about, row.expect)
		err := p.server.Open(v.M1)
		if (err == nil) != (row.expect == OK) {
			panic(fmt.Sprintf("vectors: %s: the reference says %v", row.name, err))
		}
		if err == nil {
			v.Mode, v.ID, v.Token, v.Parameters = p.server.Mode, p.server.ID, p.server.Token, &p.server.Peer
		}
		all = append(all, v)
	}
	return all
}

// credentials are the forms of credential_C.
func credentials() []plaintext1 {
	id := random(17, "identifier")
	number, text := reference.Uint, reference.Bytes
	with := func(credential []byte) []byte { return reference.Array(credential, reference.Map()) }
	form := func(n uint64, id []byte) []byte { return with(reference.Array(number(n), text(id))) }
	return []plaintext1{
		{"credential-none", "mode none and no parameter.", OK, with(reference.Null())},
		{"credential-kem", "mode kem.", OK, form(1, id[:16])},
		{"credential-psk", "mode psk.", OK, form(2, id[:16])},
		{"credential-cwt", "a token, which is verified after this.", OK, form(3, id)},
		{"credential-cwt-largest", "a token of 5632 bytes.", OK, form(3, random(5632, "token"))},
		{"credential-cwt-long", "a token of 5633 bytes.", Rejected, form(3, random(5633, "token"))},
		{"credential-cwt-empty", "a token of no bytes.", Rejected, form(3, nil)},
		{"credential-form-0", "an array for mode none.", Rejected, form(0, id[:16])},
		{"credential-form-4", "a form that does not exist.", Rejected, form(4, id[:16])},
		{"credential-id-short", "an identifier of 15 bytes.", Rejected, form(1, id[:15])},
		{"credential-id-long", "an identifier of 17 bytes.", Rejected, form(2, id)},
		{"credential-empty", "an empty array.", Rejected, with(reference.Array())},
		{"credential-three-elements", "a third element.", Rejected,
			with(reference.Array(number(1), text(id[:16]), reference.Null()))},
		{"credential-bytes", "a byte string.", Rejected, with(text(id[:16]))},
		{"credential-only", "the parameters are missing.", Rejected, reference.Array(reference.Null())},
	}
}

// parameters are those of mode none.
func parameters() []plaintext1 {
	number, bytes := reference.Uint, reference.Bytes
	with := func(parameters []byte) []byte { return reference.Array(reference.Null(), parameters) }
	entries := func(items ...[]byte) []byte { return with(reference.Map(items...)) }
	payload := [][]byte{number(1), number(1232)}
	idle := [][]byte{number(2), number(60)}
	return []plaintext1{
		{"parameters-unknown", "a parameter with an unknown key is ignored.", OK,
			entries(append(slices.Clone(payload), number(77), bytes([]byte("unknown")))...)},
		{"parameters-idle-0", "an idle time of 0 is as none.", OK, entries(number(2), number(0))},
		{"parameters-deepest", "an unknown parameter with an array in an array: the deepest nesting.", OK,
			entries(number(77), nested(2))},
		{"parameters-too-deep", "an unknown parameter with one array more.", Rejected, entries(number(77), nested(3))},
		{"parameters-16", "sixteen unknown parameters.", OK, entries(many(16)...)},
		{"parameters-17", "seventeen unknown parameters.", Rejected, entries(many(17)...)},
		{"parameters-smallest", "the smallest largest UDP payload.", OK, entries(number(1), number(64))},
		{"parameters-payload-63", "a largest UDP payload below 64.", Rejected, entries(number(1), number(63))},
		{"parameters-payload-65528", "a largest UDP payload over 65527.", Rejected, entries(number(1), number(65528))},
		{"parameters-duplicate", "a duplicate key.", Rejected, entries(slices.Concat(payload, payload)...)},
		{"parameters-duplicate-unknown", "a duplicate key, and an unknown one.", Rejected,
			entries(number(77), number(0), number(77), number(1))},
		{"parameters-unsorted", "keys in the wrong order: not deterministic.", Rejected, entries(slices.Concat(idle, payload)...)},
		{"parameters-long-number", "60 in two bytes more than it needs: not deterministic.", Rejected,
			entries(number(2), []byte{0x19, 0, 60})},
		{"parameters-unknown-long-number", "not deterministic inside an unknown parameter.", Rejected,
			entries(number(77), []byte{0x18, 1})},
		{"parameters-indefinite", "a map of indefinite length.", Rejected, with([]byte{0xbf, 0xff})},
		{"parameters-tag", "a tag.", Rejected, entries(number(77), []byte{0xc1, 1})},
		{"parameters-text-key", "a key that is text.", Rejected, entries(reference.Text("1"), number(1232))},
		{"parameters-idle-bytes", "an idle time that is a byte string.", Rejected, entries(number(2), bytes([]byte{60}))},
		{"parameters-echo", "an Echo, which is for m2 only.", Rejected, entries(number(3), bytes(make([]byte, 8)))},
		{"parameters-successor", "a successor, which is for m2 only.", Rejected, entries(number(4), bytes(random(8, "successor")))},
		{"parameters-null", "null in place of the map.", Rejected, with(reference.Null())},
		{"parameters-trailing-byte", "a byte behind the array.", Rejected, append(with(reference.Map()), 0)},
	}
}

// nested is an integer in arrays.
func nested(arrays int) []byte {
	b := reference.Uint(1)
	for range arrays {
		b = reference.Array(b)
	}
	return b
}

// many are parameters that nobody knows.
func many(n uint64) (items [][]byte) {
	for key := range n {
		items = append(items, reference.Uint(100+key), reference.Uint(key))
	}
	return items
}

// m1Keys have keys that are not what they should be.
func m1Keys() (all []Scenario) {
	for _, suite := range suites {
		p := newPair(suite, reference.ModeNone)
		pkE := unreduced(must1(suite.KEM.PublicKey(p.device.SeedE)))
		must(p.device.StartWithKey(pkE, reference.Array(reference.Null(), reference.Map())))
		all = append(all, m1Sealed(p.device, p.server.Seed, fmt.Sprintf("pk_e-unreduced-%d", suite.Number),
			"Section 2: the first coefficient of pk_e is 3329 (FIPS 203 section 7.2).", Rejected))
	}
	p := newPair(plain, reference.ModeNone)
	p.device.PkS = must1(plain.KEM.PublicKey(random(plain.KEM.SeedSize(), "another sk_S")))
	must(p.device.Start())
	return append(all, m1Of("ct_s-of-another-key", "Section 4: encapsulated to another key than kid_S names.",
		Rejected, p.device.Trace.M1))
}

// unreduced returns an encapsulation key with 3329, which is q, as its first coefficient.
func unreduced(pk []byte) []byte {
	pk = slices.Clone(pk)
	pk[0], pk[1] = 0x01, pk[1]&0xf0|0x0d
	return pk
}
