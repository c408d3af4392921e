package handshake

import (
	"bytes"
	"crypto/mlkem"
	"crypto/mlkem/mlkemtest"
	"crypto/sha256"
	"crypto/sha3"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
)

// mlkemVectors are known answers of FIPS 203; testdata/mlkem.json says where from.
type mlkemVectors struct {
	KeyGen []struct {
		ParameterSet   string
		D, Z, EkSHA256 string
	}
	Encapsulation []struct {
		ParameterSet      string
		Ek, M, K, CSHA256 string
	}
}

func readVectors(t *testing.T) (v mlkemVectors) {
	t.Helper()
	b, err := os.ReadFile("testdata/mlkem.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatal(err)
	}
	if len(v.KeyGen) != 6 || len(v.Encapsulation) != 3 {
		t.Fatal("vectors are missing")
	}
	return v
}

func suiteNamed(t *testing.T, name string) Suite {
	t.Helper()
	for _, s := range allSuites {
		if s.String() == name {
			return s
		}
	}
	t.Fatalf("no suite %s", name)
	return 0
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestKeyGenVectors: FIPS 203 section 7.1, the seed being d || z.
func TestKeyGenVectors(t *testing.T) {
	for _, v := range readVectors(t).KeyGen {
		k, err := NewPrivateKey(suiteNamed(t, v.ParameterSet), unhex(t, v.D+v.Z))
		if err != nil {
			t.Fatal(err)
		}
		if sum := sha256.Sum256(k.Public().Bytes()); hex.EncodeToString(sum[:]) != v.EkSHA256 {
			t.Errorf("%s: another encapsulation key", v.ParameterSet)
		}
	}
}

// TestEncapsulationVectors: FIPS 203 section 7.2.
func TestEncapsulationVectors(t *testing.T) {
	for _, v := range readVectors(t).Encapsulation {
		suite := suiteNamed(t, v.ParameterSet)
		pk, err := ParsePublicKey(suite, unhex(t, v.Ek))
		if err != nil {
			t.Fatal(err)
		}
		ct, ss, err := suite.encapsulate(pk.kem, bytes.NewReader(unhex(t, v.M)))
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(ct)
		if hex.EncodeToString(ss) != v.K || hex.EncodeToString(sum[:]) != v.CSHA256 {
			t.Errorf("%s: another secret or ciphertext", v.ParameterSet)
		}
	}
}

// TestXWingVectors makes spec/test-vectors.txt of draft-connolly-cfrg-xwing-kem and
// compares its SHAKE-128; that number is also in the tests of the CIRCL library.
func TestXWingVectors(t *testing.T) {
	const want = "1bcd0057d861d6b866239936cadcaeee1ec0164dedc181c386e9e54fe46156fe"
	var text strings.Builder
	source := sha3.NewSHAKE128()
	for range 3 {
		seed, eseed := make([]byte, 32), make([]byte, 64)
		source.Read(seed)
		k, err := NewPrivateKey(XWing, seed)
		if err != nil {
			t.Fatal(err)
		}
		source.Read(eseed)
		ct, ss, err := XWing.encapsulate(k.Public().kem, bytes.NewReader(eseed))
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range []struct {
			name  string
			value []byte
		}{{"seed", seed}, {"sk", seed}, {"pk", k.Public().Bytes()}, {"eseed", eseed}, {"ct", ct}, {"ss", ss}} {
			writeVector(&text, line.name, line.value)
		}
		text.WriteString("\n")
		if again, err := XWing.decapsulate(k.kem, ct); err != nil || !bytes.Equal(again, ss) {
			t.Errorf("decapsulation gives another secret, error = %v", err)
		}
	}
	if got := hex.EncodeToString(sha3.SumSHAKE128([]byte(text.String()), 32)); got != want {
		t.Errorf("SHAKE-128 of the vectors is %s, want %s", got, want)
	}
}

// writeVector writes one value in the draft's layout: lines of at most 74 characters.
func writeVector(w *strings.Builder, name string, value []byte) {
	const width, indent = 74, "  "
	text := hex.EncodeToString(value)
	if len(name)+len(text)+5 < width {
		fmt.Fprintf(w, "%s     %s\n", name, text)
		return
	}
	fmt.Fprintln(w, name)
	for len(text) > 0 {
		n := min(len(text), width-len(indent))
		fmt.Fprintln(w, indent+text[:n])
		text = text[n:]
	}
}

// TestStandardLibrary compares suites 2 and 4 with crypto/mlkem, an independent
// implementation.
func TestStandardLibrary(t *testing.T) {
	seed, m := make([]byte, 64), make([]byte, 32)
	random("standard library").Read(seed)
	k, err := mlkem.NewDecapsulationKey768(seed)
	if err != nil {
		t.Fatal(err)
	}
	ss, ct, err := mlkemtest.Encapsulate768(k.EncapsulationKey(), m)
	if err != nil {
		t.Fatal(err)
	}
	compare(t, MLKEM768, seed, m, k.EncapsulationKey().Bytes(), ct, ss, k.Decapsulate)
	l, err := mlkem.NewDecapsulationKey1024(seed)
	if err != nil {
		t.Fatal(err)
	}
	ss, ct, err = mlkemtest.Encapsulate1024(l.EncapsulationKey(), m)
	if err != nil {
		t.Fatal(err)
	}
	compare(t, MLKEM1024, seed, m, l.EncapsulationKey().Bytes(), ct, ss, l.Decapsulate)
}

func compare(t *testing.T, suite Suite, seed, m, ek, ct, ss []byte, decapsulate func([]byte) ([]byte, error)) {
	t.Helper()
	k, err := NewPrivateKey(suite, seed)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(k.Public().Bytes(), ek) {
		t.Errorf("%v: another key", suite)
	}
	ct2, ss2, err := suite.encapsulate(k.Public().kem, bytes.NewReader(m))
	if err != nil || !bytes.Equal(ct, ct2) || !bytes.Equal(ss, ss2) {
		t.Errorf("%v: another encapsulation, error = %v", suite, err)
	}
	ct[7] ^= 1 // implicit rejection gives the same secret in both
	want, err := decapsulate(ct)
	if err != nil {
		t.Fatal(err)
	}
	got, err := suite.decapsulate(k.kem, ct)
	if err != nil || !bytes.Equal(got, want) || bytes.Equal(got, ss) {
		t.Errorf("%v: implicit rejection differs, error = %v", suite, err)
	}
}

// setCoefficient writes a 12-bit coefficient of the encoded ML-KEM key (ByteEncode, FIPS
// 203 section 4.2.1).
func setCoefficient(pk []byte, n int, value uint16) {
	b := pk[n/2*3:]
	if n%2 == 0 {
		b[0], b[1] = byte(value), b[1]&0xf0|byte(value>>8)
	} else {
		b[1], b[2] = b[1]&0x0f|byte(value<<4), byte(value>>4)
	}
}

// coefficients is k * 256 of FIPS 203 section 8.
var coefficients = map[Suite]int{XWing: 768, MLKEM768: 768, MLKEM512: 512, MLKEM1024: 1024}

// TestEncapsulationKeyCheck: FIPS 203 section 7.2, every coefficient below q = 3329.
func TestEncapsulationKeyCheck(t *testing.T) {
	for _, suite := range allSuites {
		good := mustKey(t, suite, "server").Public().Bytes()
		for _, n := range []int{0, 1, 300, coefficients[suite] - 1} {
			for _, value := range []uint16{3329, 3330, 4095} {
				pk := bytes.Clone(good)
				setCoefficient(pk, n, value)
				if _, err := ParsePublicKey(suite, pk); !errors.Is(err, ErrKey) {
					t.Errorf("%v: coefficient %d = %d: error = %v", suite, n, value, err)
				}
			}
			pk := bytes.Clone(good)
			setCoefficient(pk, n, 3328)
			if k, err := ParsePublicKey(suite, pk); err != nil || !bytes.Equal(k.Bytes(), pk) {
				t.Errorf("%v: a reduced key was refused: %v", suite, err)
			}
		}
	}
}

func TestKEMLengths(t *testing.T) {
	for _, suite := range allSuites {
		k := mustKey(t, suite, "server")
		pk := k.Public().Bytes()
		for _, b := range [][]byte{nil, pk[:len(pk)-1], append(bytes.Clone(pk), 0)} {
			if _, err := ParsePublicKey(suite, b); !errors.Is(err, ErrKey) {
				t.Errorf("%v: key of %d bytes: error = %v", suite, len(b), err)
			}
		}
		for _, n := range []int{0, suite.CiphertextSize() - 1, suite.CiphertextSize() + 1} {
			if _, err := suite.decapsulate(k.kem, make([]byte, n)); !errors.Is(err, ErrRejected) {
				t.Errorf("%v: ciphertext of %d bytes: error = %v", suite, n, err)
			}
		}
		if _, _, err := suite.encapsulate(k.Public().kem, bytes.NewReader(make([]byte, 31))); err == nil {
			t.Errorf("%v: encapsulated without randomness", suite)
		}
		if _, _, err := suite.generateEphemeral(bytes.NewReader(make([]byte, 31))); err == nil {
			t.Errorf("%v: generated without randomness", suite)
		}
	}
}
