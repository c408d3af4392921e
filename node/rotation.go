package node

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/pqcoap/pqcoap/coap"
	"github.com/pqcoap/pqcoap/handshake"
)

// errSuccessor says that the key which came is not the one that was announced.
var errSuccessor = errors.New("node: the server has sent another key than it has announced")

// successor is the kid_S that the server wants to be known by, zero where that is of the key which
// is pinned, and where none is (docs/protocol.md section 18.1). A session that goes back to the key
// before has none: who has stolen that must not bring the device to a third.
func (c *Conn) successor() [8]byte {
	kid, pinned := c.active.device.Result().Peer.Successor, c.fingerprint()
	if c.cfg.Authority != nil || c.active.device.Trusts() != pinned || bytes.Equal(kid[:], pinned[:len(kid)]) {
		return [8]byte{}
	}
	return kid
}

// fingerprint is that of the key which the next handshake is made with.
func (c *Conn) fingerprint() [32]byte {
	switch {
	case c.known.pin != nil:
		return c.known.pin.Fingerprint()
	case c.cfg.Trust != nil:
		return c.cfg.Trust.Fingerprint()
	}
	return c.cfg.Fingerprint
}

func (c *Conn) askForKey(kid [8]byte) *errand {
	suite := c.active.device.Result().Suite
	m, err := NewRequest(coap.GET, fmt.Sprintf("/hs?s=%d", suite), nil)
	if err != nil {
		panic(err) // a constant but for one digit
	}
	return &errand{"the server's new key", m, func(_ time.Time, body []byte) error {
		return c.follow(kid, suite, body)
	}}
}

// follow pins the key which the server has announced in a session in which it has proven the one
// before. From here on no full handshake is made with that, and one with the new key is due, so that
// no ticket of the old one is left.
func (c *Conn) follow(kid [8]byte, suite handshake.Suite, credS []byte) error {
	next, err := handshake.ParseServerCredential(credS)
	switch {
	case err != nil:
		return fmt.Errorf("%w: %w", errSuccessor, err)
	case next.KeyID() != kid || next.Suite() != suite:
		return errSuccessor
	}
	c.known.former, c.known.pin = c.fingerprint(), next
	fingerprint := next.Fingerprint()
	c.owner.Log.Info("the server has a new key, which this device trusts from now on", "fingerprint", hex.EncodeToString(fingerprint[:]))
	if c.cfg.State == "" {
		c.owner.Log.Warn("without a state file the server's new key is forgotten when this program ends")
	}
	c.keepKnown() // what is not kept is learnt again in the next session of the old key
	return nil
}
