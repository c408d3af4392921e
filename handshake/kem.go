package handshake

import (
	"fmt"
	"io"

	"github.com/cloudflare/circl/kem"
)

// readSeed fills a fresh seed of n bytes.
func readSeed(rand io.Reader, n int) ([]byte, error) {
	seed := make([]byte, n)
	if _, err := io.ReadFull(rand, seed); err != nil {
		return nil, fmt.Errorf("handshake: reading randomness: %w", err)
	}
	return seed, nil
}

// generateEphemeral makes (pk_e, sk_e): ML-KEM.KeyGen, FIPS 203 section 7.1, or X-Wing
// draft section 5.2.
func (s Suite) generateEphemeral(rand io.Reader) (pkE []byte, skE kem.PrivateKey, err error) {
	seed, err := readSeed(rand, s.SeedSize())
	if err != nil {
		return nil, nil, err
	}
	defer wipe(seed)
	pk, skE := s.row().kem.DeriveKeyPair(seed)
	pkE, err = pk.MarshalBinary()
	return pkE, skE, err
}

// parseKEMKey decodes an encapsulation key and makes the checks of FIPS 203 section 7.2:
// its length, and that every coefficient is reduced (in suite 1, of the ML-KEM part).
func (s Suite) parseKEMKey(b []byte) (kem.PublicKey, error) {
	if len(b) != s.PublicKeySize() {
		return nil, ErrKey
	}
	pk, err := s.row().kem.UnmarshalBinaryPublicKey(b)
	if err != nil {
		return nil, ErrKey
	}
	return pk, nil
}

// encapsulate is ML-KEM.Encaps, FIPS 203 section 7.2, or that of the X-Wing draft section
// 5.4. The key was checked when it was parsed.
func (s Suite) encapsulate(pk kem.PublicKey, rand io.Reader) (ct []byte, ss Secret, err error) {
	seed, err := readSeed(rand, s.row().kem.EncapsulationSeedSize())
	if err != nil {
		return nil, nil, err
	}
	defer wipe(seed)
	return s.row().kem.EncapsulateDeterministically(pk, seed)
}

// decapsulate is ML-KEM.Decaps, FIPS 203 section 7.3, or that of the X-Wing draft section
// 5.5. A ciphertext of the right length always gives a secret: a wrong one gives a secret
// that nobody knows, and the AEAD that follows tells.
func (s Suite) decapsulate(sk kem.PrivateKey, ct []byte) (Secret, error) {
	if len(ct) != s.CiphertextSize() {
		return nil, ErrRejected
	}
	return s.row().kem.Decapsulate(sk, ct)
}
