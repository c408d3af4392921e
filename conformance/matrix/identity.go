package matrix

import (
	"errors"
	"math/rand/v2"
	"sync"

	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/internal/session"
)

// An identity is a server's key and a device's, which all handshakes of a suite share.
type identity struct {
	server, device *handshake.PrivateKey
}

// identities are made from a fixed seed, so that a run can be repeated.
var identities = sync.OnceValues(func() (map[handshake.Suite]identity, error) {
	made := make(map[handshake.Suite]identity)
	random := source(0, 0)
	for _, suite := range handshake.Suites() {
		server, err := handshake.GenerateKey(random, suite)
		if err != nil {
			return nil, err
		}
		device, err := handshake.GenerateKey(random, suite)
		if err != nil {
			return nil, err
		}
		made[suite] = identity{server, device}
	}
	return made, nil
})

// source is a stream of bytes that two numbers decide.
func source(seed, number uint64) *rand.ChaCha8 {
	var key [32]byte
	stream := rand.New(rand.NewPCG(seed, number))
	for i := range key {
		key[i] = byte(stream.Uint32())
	}
	return rand.NewChaCha8(key)
}

var errNotEnrolled = errors.New("not enrolled")

// authorize knows the one device.
func (id identity) authorize(_ handshake.Suite, c handshake.ClientCredential) (session.Client, error) {
	if c.Mode != handshake.ModeKEM || c.ID != id.device.Public().DeviceID() {
		return session.Client{}, errNotEnrolled
	}
	return session.Client{Name: "device", Key: id.device.Public()}, nil
}
