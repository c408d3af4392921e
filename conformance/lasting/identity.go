package lasting

import (
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"sync"

	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/internal/session"
)

// An identity is the keys of a server and a device.
type identity struct {
	server, device *handshake.PrivateKey
}

var (
	identityMu sync.Mutex
	identities = make(map[handshake.Suite]identity)
)

// identityOf makes the keys of a suite once, from a fixed seed, so that a run can be repeated.
func identityOf(suite handshake.Suite) (id identity, err error) {
	identityMu.Lock()
	defer identityMu.Unlock()
	if id, ok := identities[suite]; ok {
		return id, nil
	}
	random := source(uint64(suite))
	for _, k := range []**handshake.PrivateKey{&id.server, &id.device} {
		if *k, err = handshake.GenerateKey(random, suite); err != nil {
			return id, err
		}
	}
	identities[suite] = id
	return id, nil
}

// source is a stream of bytes that a number decides.
func source(seed uint64) *rand.ChaCha8 {
	var key [32]byte
	binary.BigEndian.PutUint64(key[:], seed)
	return rand.NewChaCha8(key)
}

// DeviceName is how the server knows the device.
const DeviceName = "device"

var errNotEnrolled = errors.New("not enrolled")

// authorize knows the one device, until it is revoked.
func (w *World) authorize(_ handshake.Suite, c handshake.ClientCredential) (session.Client, error) {
	if w.revoked || c.Mode != handshake.ModeKEM || c.ID != w.id.device.Public().DeviceID() {
		return session.Client{}, errNotEnrolled
	}
	return session.Client{Name: DeviceName, Key: w.id.device.Public()}, nil
}
