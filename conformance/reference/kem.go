package reference

import (
	"crypto/ecdh"
	"crypto/mlkem"
	"crypto/mlkem/mlkemtest"
	"crypto/sha3"
)

// A KEM is a key encapsulation mechanism whose randomness is an argument.
type KEM interface {
	SeedSize() int
	RandomSize() int // of Encapsulate
	PublicKey(seed []byte) (pk []byte, err error)
	Encapsulate(pk, random []byte) (ct, ss []byte, err error)
	Decapsulate(seed, ct []byte) (ss []byte, err error)
}

// mlkem768 is ML-KEM-768 (FIPS 203).
type mlkem768 struct{}

func (mlkem768) SeedSize() int   { return mlkem.SeedSize }
func (mlkem768) RandomSize() int { return 32 }

func (mlkem768) PublicKey(seed []byte) ([]byte, error) {
	sk, err := mlkem.NewDecapsulationKey768(seed)
	if err != nil {
		return nil, err
	}
	return sk.EncapsulationKey().Bytes(), nil
}

func (mlkem768) Encapsulate(pk, random []byte) (ct, ss []byte, err error) {
	key, err := mlkem.NewEncapsulationKey768(pk)
	if err != nil {
		return nil, nil, err
	}
	ss, ct, err = mlkemtest.Encapsulate768(key, random)
	return ct, ss, err
}

func (mlkem768) Decapsulate(seed, ct []byte) ([]byte, error) {
	sk, err := mlkem.NewDecapsulationKey768(seed)
	if err != nil {
		return nil, err
	}
	return sk.Decapsulate(ct)
}

// mlkem1024 is ML-KEM-1024 (FIPS 203).
type mlkem1024 struct{}

func (mlkem1024) SeedSize() int   { return mlkem.SeedSize }
func (mlkem1024) RandomSize() int { return 32 }

func (mlkem1024) PublicKey(seed []byte) ([]byte, error) {
	sk, err := mlkem.NewDecapsulationKey1024(seed)
	if err != nil {
		return nil, err
	}
	return sk.EncapsulationKey().Bytes(), nil
}

func (mlkem1024) Encapsulate(pk, random []byte) (ct, ss []byte, err error) {
	key, err := mlkem.NewEncapsulationKey1024(pk)
	if err != nil {
		return nil, nil, err
	}
	ss, ct, err = mlkemtest.Encapsulate1024(key, random)
	return ct, ss, err
}

func (mlkem1024) Decapsulate(seed, ct []byte) ([]byte, error) {
	sk, err := mlkem.NewDecapsulationKey1024(seed)
	if err != nil {
		return nil, err
	}
	return sk.Decapsulate(ct)
}

// xwing is X-Wing (draft-connolly-cfrg-xwing-kem section 5): ML-KEM-768, then X25519.
type xwing struct{ m mlkem768 }

// Sizes of the ML-KEM part.
const (
	xwingPublic     = mlkem.EncapsulationKeySize768
	xwingCiphertext = mlkem.CiphertextSize768
	x25519Size      = 32
)

func (xwing) SeedSize() int   { return 32 }
func (xwing) RandomSize() int { return 32 + x25519Size }

// expand is expandDecapsulationKey of the draft, section 5.2.
func (xwing) expand(seed []byte) (skM []byte, skX *ecdh.PrivateKey, err error) {
	b := sha3.SumSHAKE256(seed, mlkem.SeedSize+x25519Size)
	skX, err = ecdh.X25519().NewPrivateKey(b[mlkem.SeedSize:])
	return b[:mlkem.SeedSize], skX, err
}

// combine is Combiner of the draft, section 5.3.
func (xwing) combine(ssM, ssX, ctX, pkX []byte) []byte {
	h := sha3.New256()
	for _, part := range [][]byte{ssM, ssX, ctX, pkX, []byte(`\.//^\`)} {
		h.Write(part)
	}
	return h.Sum(nil)
}

func (x xwing) PublicKey(seed []byte) ([]byte, error) {
	skM, skX, err := x.expand(seed)
	if err != nil {
		return nil, err
	}
	pkM, err := x.m.PublicKey(skM)
	return append(pkM, skX.PublicKey().Bytes()...), err
}

func (x xwing) Encapsulate(pk, random []byte) (ct, ss []byte, err error) {
	if len(pk) != xwingPublic+x25519Size || len(random) != x.RandomSize() {
		return nil, nil, ErrMalformed
	}
	ctM, ssM, err := x.m.Encapsulate(pk[:xwingPublic], random[:32])
	if err != nil {
		return nil, nil, err
	}
	pkX, err := ecdh.X25519().NewPublicKey(pk[xwingPublic:])
	if err != nil {
		return nil, nil, err
	}
	ephemeral, err := ecdh.X25519().NewPrivateKey(random[32:])
	if err != nil {
		return nil, nil, err
	}
	ssX, err := ephemeral.ECDH(pkX)
	if err != nil {
		return nil, nil, err
	}
	ctX := ephemeral.PublicKey().Bytes()
	return append(ctM, ctX...), x.combine(ssM, ssX, ctX, pkX.Bytes()), nil
}

func (x xwing) Decapsulate(seed, ct []byte) ([]byte, error) {
	if len(ct) != xwingCiphertext+x25519Size {
		return nil, ErrMalformed
	}
	skM, skX, err := x.expand(seed)
	if err != nil {
		return nil, err
	}
	ssM, err := x.m.Decapsulate(skM, ct[:xwingCiphertext])
	if err != nil {
		return nil, err
	}
	ctX, err := ecdh.X25519().NewPublicKey(ct[xwingCiphertext:])
	if err != nil {
		return nil, err
	}
	ssX, err := skX.ECDH(ctX)
	return x.combine(ssM, ssX, ctX.Bytes(), skX.PublicKey().Bytes()), err
}
