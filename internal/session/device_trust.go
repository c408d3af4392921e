package session

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"github.com/plgd-dev/go-coap/v3/message"
	"github.com/plgd-dev/go-coap/v3/message/codes"

	"github.com/pqcoap/pqcoap/coap"
	"github.com/pqcoap/pqcoap/handshake"
)

// ErrCredential: what came from GET /hs is not a credential of the server that can be believed.
var ErrCredential = errors.New("handshake: the credential offered is not one of the server that this device can trust")

// checkTime is how long a device whose pinned key was not taken asks which one the server has.
const checkTime = 2 * time.Second

// A HintError is the plain CoAP answer that the server, or anybody on the path, gave
// instead of m2. Nothing proves it.
type HintError struct {
	Code codes.Code
}

func (e *HintError) Error() string {
	switch e.Code {
	case codes.Unauthorized:
		return "handshake refused without proof (4.01): the server does not have the pinned key or its suite, or m1 did not open there"
	case codes.BadRequest:
		return "handshake refused without proof (4.00): the server does not understand m1; is it another version?"
	case codes.NotFound:
		return "handshake refused without proof (4.04): the server has no key of the configured suite, or none that an authority vouches for"
	}
	return fmt.Sprintf("handshake refused without proof (%d.%02d)", e.Code>>5, e.Code&31)
}

// A FingerprintError says that the key which the server, or anybody on the path, has offered is
// not the one that is pinned. It is ErrFingerprint.
type FingerprintError struct {
	Pinned, Offered [32]byte
}

func (e *FingerprintError) Error() string {
	return fmt.Sprintf("%v: pinned is %x, offered %x. Where the server's key was changed and this device has missed it, "+
		"enrol it again or give it the new fingerprint; else somebody is in the server's place", ErrFingerprint, e.Pinned, e.Offered)
}

// Is tells that it is ErrFingerprint.
func (e *FingerprintError) Is(target error) bool { return target == ErrFingerprint }

// Server is the credential that the device trusts, nil until it has been fetched.
func (d *Device) Server() *handshake.ServerCredential { return d.cfg.Server }

// Trusts is the fingerprint of the credential by which the server of an open session was known: in a
// session that was resumed or saved that of its full handshake, which may be a Former one.
func (d *Device) Trusts() [32]byte { return d.trusts }

// fetch asks for the server's credential (docs/protocol.md section 7.4).
func (d *Device) fetch(now time.Time, out *Outbox) error {
	d.state = fetching
	query := fmt.Appendf(nil, "s=%d", d.cfg.Suite)
	m := coap.Message{Code: codes.GET, Options: append(hsPath(), message.Option{ID: message.URIQuery, Value: query})}
	size := d.cfg.Suite.PublicKeySize() + pinnedFraming
	switch {
	case d.cfg.Verify != nil:
		m.Options = append(m.Options, message.Option{ID: message.URIQuery, Value: []byte("f=cwt")})
		size += leastSignature
	case !d.cfg.FirstUse && !d.checking: // the key of the fingerprint, though the server wants to be known by another
		kid := fmt.Appendf(nil, "k=%x", d.cfg.Fingerprint[:8])
		m.Options = append(m.Options, message.Option{ID: message.URIQuery, Value: kid})
	}
	return d.send(now, m, size, out)
}

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
	if d.checking {
		d.explain(credS)
		return
	}
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

// pin takes a credential if it is the one of the fingerprint, or if any is to be trusted.
func (d *Device) pin(credS []byte) (*handshake.ServerCredential, error) {
	if sum := sha256.Sum256(credS); sum != d.cfg.Fingerprint && !d.cfg.FirstUse {
		return nil, &FingerprintError{d.cfg.Fingerprint, sum}
	}
	cred, err := handshake.ParseServerCredential(bytes.Clone(credS))
	switch {
	case d.cfg.FirstUse && (err != nil || cred.Suite() != d.cfg.Suite):
		return nil, ErrCredential
	case err != nil:
		return nil, fmt.Errorf("the pinned fingerprint is of a key that cannot be used: %w", err)
	case cred.Suite() != d.cfg.Suite:
		return nil, fmt.Errorf("the pinned fingerprint is of a key of suite %d, configured is %d", cred.Suite(), d.cfg.Suite)
	}
	return cred, nil
}

// unknown tells whether a failure says that the server does not know the key that was trusted.
func unknown(hint error) bool {
	var h *HintError
	return errors.As(hint, &h) && h.Code == codes.Unauthorized
}

// doubtServer has the credential of an authority fetched again, once, where the server does not
// seem to know the one there is. Who makes a device do so gains nothing but its work: what comes
// has to be vouched for.
func (d *Device) doubtServer(hint error) {
	if d.cfg.Verify == nil || d.again || d.state != handshaking || d.resumer != nil || !unknown(hint) {
		return
	}
	d.attempt.Close()
	d.attempt, d.cfg.Server, d.again = nil, nil, true
}

// explains tells whether the server is to be asked for its key, so that the error can name it.
func (d *Device) explains(hint error) bool {
	return d.state == handshaking && d.cfg.Verify == nil && unknown(hint)
}

// explain ends an attempt with what the server has for a key.
func (d *Device) explain(credS []byte) {
	if sum := sha256.Sum256(credS); sum != d.fingerprint() {
		d.hint = fmt.Errorf("%w; %w", d.hint, &FingerprintError{d.fingerprint(), sum})
	}
	d.end(d.timeout())
}
