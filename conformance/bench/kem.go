package bench

import (
	"crypto/rand"
	"fmt"
	"time"

	"github.com/cloudflare/circl/kem"
	"github.com/cloudflare/circl/kem/mlkem/mlkem1024"
	"github.com/cloudflare/circl/kem/mlkem/mlkem512"
	"github.com/cloudflare/circl/kem/mlkem/mlkem768"
	"github.com/cloudflare/circl/kem/xwing"

	"github.com/pqcoap/pqcoap/handshake"
)

// A KEM is a handshake, both sides of it without sockets, beside its KEM operations: one key
// generation, and an encapsulation and a decapsulation for each key, with keys that are parsed.
// Medians.
type KEM struct {
	Suite     uint8   `json:"suite"`
	Mode      string  `json:"mode"`
	Handshake float64 `json:"handshake_us"`
	Bare      float64 `json:"kem_us"`
	Check     float64 `json:"check_us"` // of the device's key, FIPS 203 section 7.2, which is in no KEM operation
	Ratio     float64 `json:"ratio"`
}

// kemRounds are the handshakes of one round.
const kemRounds = 20

func schemeOf(suite handshake.Suite) kem.Scheme {
	return map[handshake.Suite]kem.Scheme{
		handshake.XWing: xwing.Scheme(), handshake.MLKEM512: mlkem512.Scheme(),
		handshake.MLKEM768: mlkem768.Scheme(), handshake.MLKEM1024: mlkem1024.Scheme(),
	}[suite]
}

// A kemBench is a pair that makes mutual handshakes, and bare keys of the same KEM.
type kemBench struct {
	scheme    kem.Scheme
	device    handshake.InitiatorConfig
	responder *handshake.Responder
	public    [2]kem.PublicKey // of server and device
	private   [2]kem.PrivateKey
	key       []byte
}

func measureKEM(suite handshake.Suite, rounds int) (KEM, error) {
	b := &kemBench{scheme: schemeOf(suite)}
	server, err := handshake.GenerateKey(rand.Reader, suite)
	if err != nil {
		return KEM{}, err
	}
	if b.device.Key, err = handshake.GenerateKey(rand.Reader, suite); err != nil {
		return KEM{}, err
	}
	b.device.Server, b.responder = server.ServerCredential(), handshake.NewResponder(server.Identity())
	for i := range b.public {
		if b.public[i], b.private[i], err = b.scheme.GenerateKeyPair(); err != nil {
			return KEM{}, err
		}
	}
	if b.key, err = b.public[0].MarshalBinary(); err != nil {
		return KEM{}, err
	}
	var whole, bare, check, ratios []float64
	for range rounds * kemRounds {
		start := time.Now()
		if err := b.handshake(); err != nil {
			return KEM{}, fmt.Errorf("bench: handshake of %v: %w", suite, err)
		}
		middle := time.Now()
		if err := b.bare(); err != nil {
			return KEM{}, err
		}
		end := time.Now()
		if _, err := b.scheme.UnmarshalBinaryPublicKey(b.key); err != nil {
			return KEM{}, err
		}
		check = append(check, microseconds(time.Since(end)))
		whole, bare = append(whole, microseconds(middle.Sub(start))), append(bare, microseconds(end.Sub(middle)))
		ratios = append(ratios, float64(middle.Sub(start))/float64(end.Sub(middle)))
	}
	return KEM{
		Suite: uint8(suite), Mode: handshake.ModeKEM.String(), Handshake: median(whole), Bare: median(bare),
		Check: median(check), Ratio: median(ratios),
	}, nil
}

func (b *kemBench) handshake() error {
	i, err := handshake.NewInitiator(rand.Reader, b.device)
	if err != nil {
		return err
	}
	m, err := handshake.ParseM1(i.M1())
	if err != nil {
		return err
	}
	a, err := b.responder.Open(m)
	if err != nil {
		return err
	}
	m2, _, err := a.Respond(rand.Reader, handshake.Grant{
		Key: b.device.Key.Public(), ConnectionID: []byte{0x40, 1}, ResetToken: [16]byte{1},
	})
	if err != nil {
		return err
	}
	_, err = i.Finish(m2)
	return err
}

func (b *kemBench) bare() error {
	pk, sk, err := b.scheme.GenerateKeyPair()
	if err != nil {
		return err
	}
	publics, privates := [3]kem.PublicKey{b.public[0], pk, b.public[1]}, [3]kem.PrivateKey{b.private[0], sk, b.private[1]}
	for i := range publics {
		ct, _, err := b.scheme.Encapsulate(publics[i])
		if err != nil {
			return err
		}
		if _, err := b.scheme.Decapsulate(privates[i], ct); err != nil {
			return err
		}
	}
	return nil
}
