package session

import (
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"time"

	"github.com/pqcoap/pqcoap/handshake"
)

// ErrCredential: what came from GET /hs is not a credential of the server that can be believed.
var ErrCredential = errors.New("handshake: the credential offered is not one of the server that the authority vouches for")

// Server is the credential that the device trusts, nil until it has been fetched.
func (d *Device) Server() *handshake.ServerCredential { return d.cfg.Server }

// trusted is the server's credential, nil if it is not to be trusted any more: that of an
// authority is looked at whenever a session begins, by a handshake, a ticket or a saved state.
func (d *Device) trusted() *handshake.ServerCredential {
	if d.cfg.Verify == nil || d.cfg.Server == nil {
		return d.cfg.Server
	}
	cred, err := d.certify(d.cfg.Server.Bytes())
	if err != nil {
		return nil
	}
	return cred
}

// trust takes a fetched credential if it is one that the device trusts. Anybody may have
// answered with another.
func (d *Device) trust(now time.Time, credS []byte, out *Outbox) {
	var cred *handshake.ServerCredential
	var err error
	if d.cfg.Verify == nil {
		cred, err = d.pin(credS)
	} else {
		cred, err = d.certify(credS)
	}
	switch {
	case errors.Is(err, ErrFingerprint), errors.Is(err, ErrCredential):
		d.failure(now, err)
		return
	case err == nil:
		d.cfg.Server, d.hints = cred, 0
		err = d.initiate(now, out)
	}
	if err != nil {
		d.end(err)
	}
}

// certify takes a credential that the authority vouches for.
func (d *Device) certify(token []byte) (*handshake.ServerCredential, error) {
	cred, err := d.cfg.Verify(bytes.Clone(token))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCredential, err)
	}
	if cred.Suite() != d.cfg.Suite || !bytes.Equal(cred.Bytes(), token) {
		return nil, ErrCredential
	}
	return cred, nil
}

// pin takes a credential if it is the one of the fingerprint.
func (d *Device) pin(credS []byte) (*handshake.ServerCredential, error) {
	sum := sha256.Sum256(credS)
	if subtle.ConstantTimeCompare(sum[:], d.cfg.Fingerprint[:]) != 1 {
		return nil, ErrFingerprint
	}
	cred, err := handshake.ParseServerCredential(bytes.Clone(credS))
	if err != nil {
		return nil, fmt.Errorf("the pinned fingerprint is of a key that cannot be used: %w", err)
	}
	if cred.Suite() != d.cfg.Suite {
		return nil, fmt.Errorf("the pinned fingerprint is of a key of suite %d, configured is %d", cred.Suite(), d.cfg.Suite)
	}
	return cred, nil
}
