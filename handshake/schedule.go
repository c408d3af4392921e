package handshake

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
)

// The key schedule of docs/protocol.md section 5. Each step is a value that the next is
// made from and that stays as it is, so that an m2 that does not open changes nothing.

// transcript is H(a, b, ...): the hash of the suite over length-framed inputs.
func (s Suite) transcript(inputs ...[]byte) []byte {
	h := s.Hash().New()
	var length [4]byte
	for _, in := range inputs {
		binary.BigEndian.PutUint32(length[:], uint32(len(in)))
		h.Write(length[:])
		h.Write(in)
	}
	return h.Sum(nil)
}

// aead returns AES-GCM under a key that seals one message.
func aead(key Secret) cipher.AEAD {
	block, err := aes.NewCipher(key)
	if err != nil {
		panic(err) // the suite fixes the key's length
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		panic(err) // AES has the block size that GCM wants
	}
	return gcm
}

// nonce is zero: every key seals one message (docs/protocol.md section 4).
var nonce [12]byte

// seal seals the only message under the key, and ends the key.
func seal(key Secret, plaintext []byte) []byte {
	defer wipe(key)
	return aead(key).Seal(nil, nonce[:], plaintext, nil)
}

// open is the inverse of seal.
func open(key Secret, sealed []byte) ([]byte, error) {
	defer wipe(key)
	plaintext, err := aead(key).Open(nil, nonce[:], sealed, nil)
	if err != nil {
		return nil, ErrRejected
	}
	return plaintext, nil
}

// step1 is what both sides have with ss_S, and th1 once plaintext_1 is known.
type step1 struct {
	suite    Suite
	th0, th1 []byte
	s1       Secret
}

// newStep1 derives th0 and s1, and wipes ss_S.
func newStep1(cred *ServerCredential, pkE, ctS []byte, ssS Secret) step1 {
	defer wipe(ssS)
	suite, kidS := cred.Suite(), cred.KeyID()
	th0 := suite.transcript(
		[]byte("pqcoap v1"), []byte{byte(suite)}, cred.hash, kidS[:], pkE, ctS)
	return step1{suite: suite, th0: th0, s1: suite.extract(th0, ssS)}
}

// k1 is the key of sealed_1.
func (k *step1) k1() Secret {
	return k.suite.expand(k.s1, "m1", k.th0, k.suite.KeySize())
}

// add takes plaintext_1 into the transcript.
func (k *step1) add(plaintext1 []byte) {
	k.th1 = k.suite.transcript(k.th0, plaintext1)
}

// errKey is the key of the refusal with this nonce_R (docs/protocol.md section 6).
func (k *step1) errKey(nonceR []byte) Secret {
	return k.suite.expand(k.s1, "err", k.suite.transcript(k.th1, nonceR), k.suite.KeySize())
}

// step2 is what both sides have with ss_e.
type step2 struct {
	suite Suite
	th2   []byte
	s2    Secret
}

// next derives th2 and s2, and wipes ss_e.
func (k *step1) next(ctE []byte, ssE Secret) step2 {
	defer wipe(ssE)
	th2 := k.suite.transcript(k.th1, ctE)
	return step2{k.suite, th2, k.suite.chain(k.s1, th2, ssE)}
}

// chain is Extract(Expand(s, "derived", th), ikm).
func (s Suite) chain(secret Secret, th []byte, ikm []byte) Secret {
	salt := s.expand(secret, "derived", th, s.Hash().Size())
	defer wipe(salt)
	return s.extract(salt, ikm)
}

// k2 is the key of sealed_2.
func (k *step2) k2() Secret {
	return k.suite.expand(k.s2, "m2", k.th2, k.suite.KeySize())
}

// authentication is what the client's mode puts into s3: the table of section 5.
type authentication struct {
	mode Mode
	who  []byte // Hash(CBOR [suite, pk_C]), the PSK's identifier, or empty
	ikm  Secret // ss_C, the PSK, or Nh zero bytes; wiped when used
}

// resumptionSize is the length of a resumption secret.
const resumptionSize = 32

// step3 is what the session's keys are made from.
type step3 struct {
	suite Suite
	th3   []byte
	s3    Secret
}

// next derives th3 and s3, and wipes the input of the mode.
func (k *step2) next(plaintext2 []byte, auth authentication) step3 {
	defer wipe(auth.ikm)
	th3 := k.suite.transcript(k.th2, plaintext2, []byte{byte(auth.mode)}, auth.who)
	return step3{k.suite, th3, k.suite.chain(k.s2, th3, auth.ikm)}
}

// secret is one of the secrets of the session, as long as the hash.
func (k *step3) secret(label string) Secret {
	return k.suite.expand(k.s3, label, k.th3, k.suite.Hash().Size())
}

// resumption is the secret that goes into a ticket, where each byte counts: 32 bytes, as the
// secrets that it comes from.
func (k *step3) resumption() Secret {
	return k.suite.expand(k.s3, "resumption", k.th3, resumptionSize)
}
