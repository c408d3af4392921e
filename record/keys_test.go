package record

import (
	"bytes"
	"crypto/aes"
	"crypto/sha256"
	"errors"
	"testing"
)

// Traffic keys of RFC 8448 section 3, whose labels have the prefix of TLS.
func TestExpandLabelRFC8448(t *testing.T) {
	for _, tc := range []struct{ secret, label, want string }{
		{"b67b7d690cc16c4e75e54213cb2d37b4e9c912bcded9105d42befd59d391ad38", "tls13 key", "3fce516009c21727d0f2e4e86ee403bc"},
		{"b67b7d690cc16c4e75e54213cb2d37b4e9c912bcded9105d42befd59d391ad38", "tls13 iv", "5d313eb2671276ee13000b30"},
		{"b3eddb126e067f35a780b3abf45e2d8f3b1a950738f52e9600746a0e27a55a21", "tls13 key", "dbfaa693d1762c5b666af5d950258d01"},
		{"b3eddb126e067f35a780b3abf45e2d8f3b1a950738f52e9600746a0e27a55a21", "tls13 iv", "5bd3c71b836e0b76bb73265f"},
	} {
		want := unhex(t, tc.want)
		got, err := expandLabel(sha256.New, unhex(t, tc.secret), tc.label, len(want))
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%q: %x, %v, want %x", tc.label, got, err, want)
		}
	}
}

// Header protection key, sample and mask of RFC 9001 appendix A.2: QUIC masks
// with the same single AES block.
func TestMaskRFC9001(t *testing.T) {
	p := &protection{}
	var err error
	if p.sn, err = aes.NewCipher(unhex(t, "9f50449e04a0e810283a1e9933adedd2")); err != nil {
		t.Fatal(err)
	}
	got := p.maskOf(unhex(t, "d1b1c98dd7689fb8ec11d242b123dc9b"))
	if want := unhex(t, "437b9aec36"); !bytes.Equal(got[:len(want)], want) {
		t.Errorf("mask %x, want %x", got, want)
	}
}

// vectors are records of another DTLS 1.3 implementation: the figures of the
// record protection tests of pion/dtls (internal/ciphersuite, revision
// 66a287946ee8). The derived keys were checked with OpenSSL besides:
// openssl kdf -keylen 16 -kdfopt digest:SHA256 -kdfopt mode:EXPAND_ONLY
// -kdfopt hexkey:SECRET -kdfopt prefix:dtls13 -kdfopt label:sn TLS13-KDF.
var vectors = []struct {
	suite               CipherSuite
	secret, key, iv, sn string
	content             string
	record              string
}{
	{
		suite:   AES128GCMSHA256,
		secret:  "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
		key:     "cc95abc258d309424ddbf7cba68bd77e",
		iv:      "6d3299305dd209fc865cf8f1",
		sn:      "c5b1a0649ea4fdafbe7e256665068222",
		content: "dtls13 aes-128-gcm vector",
		record: "3fcafebabeabc7002a82bacfceae1035329372dbcbdce0240faf434e68077fb4df25edc71ddd89db18" +
			"b510ccd2518b77499d7e",
	},
	{
		suite: AES256GCMSHA384,
		secret: "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f" +
			"202122232425262728292a2b2c2d2e2f",
		key:     "d6732c55efc102933ffe3af6922bdb7fe44d18f2b7307173758bfeb457a6f9bb",
		iv:      "8ae6b315daa064c6dfa5f10a",
		sn:      "fc6f78156052e019518fb3ea0d77c796ca2da8796cc26b8e42c5b5395a72af1d",
		content: "dtls13 aes-256-gcm vector",
		record: "3fcafebabecbe8002a799936beea392e94f73b56ad19e96f5ff607481e8abf5aa6895414e222eea46" +
			"b4e2385ac65b6fc516ede",
	},
}

const vectorSequence = 0x0001020304050607

// vectorID has four bytes but not the first bits of our connection IDs.
var vectorID = ConnectionID{size: 4, bytes: [8]byte{0xca, 0xfe, 0xba, 0xbe}}

func TestVectorKeys(t *testing.T) {
	for _, v := range vectors {
		k, err := deriveKeys(v.suite, unhex(t, v.secret))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range []struct {
			name, want string
			got        []byte
		}{{"key", v.key, k.key}, {"iv", v.iv, k.iv}, {"sn", v.sn, k.sn}} {
			if !bytes.Equal(f.got, unhex(t, f.want)) {
				t.Errorf("%v %s = %x, want %s", v.suite, f.name, f.got, f.want)
			}
		}
	}
}

func TestVectorSeal(t *testing.T) {
	for _, v := range vectors {
		s, err := newSealer(v.suite, unhex(t, v.secret), firstEpoch, vectorID)
		if err != nil {
			t.Fatal(err)
		}
		first := byte(fixedBits | bitC | bitS | bitL | firstEpoch)
		got := s.protect(nil, first, vectorSequence, ApplicationData, []byte(v.content))
		if want := unhex(t, v.record); !bytes.Equal(got, want) {
			t.Errorf("%v:\n got %x\nwant %x", v.suite, got, want)
		}
	}
}

func TestVectorOpen(t *testing.T) {
	for _, v := range vectors {
		c, err := NewConn(Config{Suite: v.suite, SendSecret: testSecret(v.suite, 1),
			ReceiveSecret: unhex(t, v.secret), ReceiveID: vectorID})
		if err != nil {
			t.Fatal(err)
		}
		c.receive[0].window.next = vectorSequence - 100
		r, rest, err := c.Open(unhex(t, v.record))
		if err != nil || len(rest) != 0 {
			t.Fatalf("%v: rest %x, error %v", v.suite, rest, err)
		}
		if string(r.Content) != v.content || r.Type != ApplicationData || r.Sequence != vectorSequence {
			t.Errorf("%v: %+v", v.suite, r)
		}
	}
}

// The smallest forms, and padding, from Python's cryptography package with the
// keys of the vectors above: AESGCM(key).encrypt(nonce, inner, header), and the
// number xor AES-ECB(sn) of the first 16 bytes.
func TestVectorMinimal(t *testing.T) {
	for _, tc := range []struct {
		vector int
		id     ConnectionID
		first  byte
		next   uint64 // at the receiver
		seq    uint64
		record string
		padded bool // which Seal does not do
	}{
		{0, ConnectionID{}, 0x23, 0, 5, "235f50948a0f4a8890cded5d675eb084e6da02591fbfbd", false},
		{1, testID(t, "07"), 0x33, 0x1f0, 0x1fe, "3307ef2568ba88030766e8f15dcda280da522470c1284709933e", true},
	} {
		v := vectors[tc.vector]
		c, err := NewConn(Config{Suite: v.suite, SendSecret: unhex(t, v.secret), SendID: tc.id,
			ReceiveSecret: unhex(t, v.secret), ReceiveID: tc.id})
		if err != nil {
			t.Fatal(err)
		}
		c.receive[0].window.next = tc.next
		r, _, err := c.Open(unhex(t, tc.record))
		if err != nil || string(r.Content) != "ping" || r.Sequence != tc.seq {
			t.Errorf("%s: %+v, error %v", tc.record, r, err)
		}
		sealed := c.send.protect(nil, tc.first, tc.seq, ApplicationData, []byte("ping"))
		if !tc.padded && !bytes.Equal(sealed, unhex(t, tc.record)) {
			t.Errorf("sealed %x, want %s", sealed, tc.record)
		}
	}
}

func TestKeysRefused(t *testing.T) {
	good := testSecret(AES128GCMSHA256, 1)
	for name, cfg := range map[string]Config{
		"no suite":       {SendSecret: good, ReceiveSecret: good},
		"ChaCha20":       {Suite: 0x1303, SendSecret: good, ReceiveSecret: good},
		"short send":     {Suite: AES128GCMSHA256, SendSecret: good[1:], ReceiveSecret: good},
		"short receive":  {Suite: AES128GCMSHA256, SendSecret: good, ReceiveSecret: good[1:]},
		"of other suite": {Suite: AES256GCMSHA384, SendSecret: good, ReceiveSecret: good},
		"none":           {Suite: AES128GCMSHA256},
	} {
		if c, err := NewConn(cfg); !errors.Is(err, ErrConfig) || c != nil {
			t.Errorf("%s: error = %v, want %v", name, err, ErrConfig)
		}
	}
}
