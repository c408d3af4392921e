package node

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/handshake/cwt"
	"github.com/pqcoap/pqcoap/internal/session"
)

var (
	// ErrKeyChanged says that what answers as the server offers another key than the server had
	// when it was first met (Config.FirstUse). Nothing proves who offers it.
	ErrKeyChanged = errors.New("node: THE SERVER OFFERS ANOTHER KEY THAN WHEN IT WAS FIRST MET")
	// ErrCredential says that what an authority is to have signed is not to be gone by.
	ErrCredential = errors.New("node: credential")
	errOlder      = fmt.Errorf("%w: it was issued before the one that is known already", ErrCredential)
)

// check holds a Config against itself.
func (c *Config) check() error {
	switch {
	case c.FirstUse && (c.Trust != nil || c.Fingerprint != [32]byte{}) || c.Authority != nil && (c.FirstUse || c.Trust != nil || c.Fingerprint != [32]byte{}):
		return errors.New("a server is trusted by its key, its fingerprint, an authority or on first use: want one of them")
	case c.FirstUse && c.State == "":
		return errors.New("trust on first use needs a state file, to know the server again by")
	case c.Authority != nil && (!claimable(c.Issuer) || !claimable(c.ServerName)):
		return errors.New("an authority needs an issuer and a server_name, of 1 to 64 bytes: what its credentials have to say")
	case c.Authority == nil && (c.Issuer != "" || c.ServerName != "" || c.Credential != nil):
		return errors.New("issuer, server_name and credential are for an authority, and there is none")
	case c.Credential != nil && c.Key == nil:
		return errors.New("a credential needs the key that it is of")
	}
	return nil
}

// claimable tells whether a credential can have such a name (docs/protocol.md section 17.2).
func claimable(name string) bool { return len(name) > 0 && len(name) <= 64 }

// base names what the configuration trusts, zero for trust on first use.
func (c *Config) base() [32]byte {
	switch {
	case c.Authority != nil:
		h := sha256.New()
		for _, part := range []string{"pqcoap authority", string(c.Authority.Bytes()), c.Issuer, c.ServerName} {
			fmt.Fprintf(h, "%d %s", len(part), part)
		}
		return [32]byte(h.Sum(nil))
	case c.Trust != nil:
		return c.Trust.Fingerprint()
	}
	return c.Fingerprint
}

// recall takes what is known of the server, and what the authority has signed. The caller holds
// the lock.
func (c *Conn) recall(now time.Time) error {
	if err := c.cfg.check(); err != nil {
		return fmt.Errorf("%w: %w", ErrConfig, err)
	}
	if c.cfg.State != "" {
		var err error
		if c.known, err = readKnown(knownPath(c.cfg.State)); err != nil {
			return err
		}
	}
	if base := c.cfg.base(); c.known.base != base {
		c.known = known{base: base}
	}
	c.floorAt, c.floorKept = now, c.known.floor
	if c.cfg.Authority == nil {
		return nil
	}
	if claims, err := c.cfg.Authority.Verify(c.known.server, c.serverWant()); err == nil {
		c.newest = claims.Issued
		c.raise(now, claims.Issued)
		if c.certified, err = handshake.NewCertifiedCredential(claims.Key, c.known.server); err != nil {
			return fmt.Errorf("%w: %w", ErrState, err)
		}
	}
	return c.recallToken(now)
}

// recallToken takes the newest of the device's own credentials.
func (c *Conn) recallToken(now time.Time) error {
	if c.cfg.Credential == nil {
		return nil
	}
	claims, err := c.cfg.own(c.cfg.Credential)
	if err != nil {
		return fmt.Errorf("%w: credential: %w", ErrConfig, err)
	}
	c.token, c.claims = c.cfg.Credential, claims
	if c.known.token != nil {
		renewed, err := c.cfg.own(c.known.token)
		if err != nil {
			c.owner.Log.Warn("the renewed credential is not used", "error", err)
		} else if renewed.Issued.After(claims.Issued) {
			c.token, c.claims = c.known.token, renewed
		}
	}
	c.raise(now, c.claims.Issued)
	return nil
}

// own reads a credential of this device. Whether its time is over is for the server to say.
func (c *Config) own(token []byte) (*cwt.Claims, error) {
	claims, err := c.Authority.Verify(token, cwt.Want{Issuer: c.Issuer, Usage: cwt.UsageDevice, Suite: c.Key.Suite()})
	if err != nil {
		return nil, err
	}
	if claims.Key.DeviceID() != c.Key.Public().DeviceID() {
		return nil, fmt.Errorf("%w: it is of another key than the device's", ErrCredential)
	}
	return claims, nil
}

// serverWant is what a credential of the server has to say, without the time.
func (c *Conn) serverWant() cwt.Want {
	return cwt.Want{Issuer: c.cfg.Issuer, Subject: c.cfg.ServerName, Usage: cwt.UsageServer, Suite: c.cfg.Suite}
}

// vouch returns the server's credential if the authority vouches for it, now, and has not vouched
// for another since. It is called with the lock.
func (c *Conn) vouch(token []byte) (*handshake.ServerCredential, error) {
	claims, err := c.verify(time.Now(), token, c.serverWant())
	switch {
	case err != nil:
		return nil, fmt.Errorf("the server's: %w", err)
	case claims.Issued.Before(c.newest):
		return nil, fmt.Errorf("the server's: %w", errOlder)
	}
	return handshake.NewCertifiedCredential(claims.Key, token)
}

// trust is the part of a session's configuration that says whom it believes.
func (c *Conn) trust(s *session.DeviceConfig) {
	s.Suite, s.Key, s.PSK, s.Token = c.cfg.Suite, c.cfg.Key, c.cfg.PSK, c.token
	switch {
	case c.cfg.Authority != nil:
		s.Verify, s.Server = c.vouch, c.certified
	case c.known.pin != nil:
		s.Server, s.Former = c.known.pin, c.known.former
	case c.cfg.FirstUse:
		s.FirstUse = true
	default:
		s.Server, s.Fingerprint = c.cfg.Trust, c.cfg.Fingerprint
	}
}

// met remembers the server of a full handshake, by which it has proven its key. The caller ends
// the session where it cannot.
func (c *Conn) met(l *strand) error {
	server := l.device.Server()
	switch {
	case c.cfg.Authority != nil:
		if bytes.Equal(c.known.server, server.Bytes()) {
			return nil
		}
		claims, err := c.cfg.Authority.Verify(server.Bytes(), c.serverWant())
		if err != nil {
			return err
		}
		c.known.server, c.certified, c.newest = server.Bytes(), server, claims.Issued
	case c.known.former != [32]byte{} && server.Fingerprint() == c.fingerprint():
		c.known.former = [32]byte{} // from here on nothing goes back to it
		c.keepKnown()
		return nil
	case c.cfg.Trust != nil || c.known.pin != nil:
		return nil
	default:
		c.known.pin = server
	}
	if err := c.keepKnown(); err != nil && c.cfg.FirstUse {
		c.known.pin = nil
		return fmt.Errorf("the server cannot be known again, so it is not trusted: %w", err)
	}
	return nil
}

// keepKnown writes what is known to its file, where there is a state file.
func (c *Conn) keepKnown() error {
	if c.cfg.State == "" {
		return nil
	}
	now := time.Now()
	c.known.floor, c.floorAt = c.floor(now), now
	c.floorKept = c.known.floor
	err := c.known.write(knownPath(c.cfg.State))
	if err != nil {
		c.owner.Log.Error("what is known of the server is not kept", "error", err)
	}
	return err
}

// keyChanged marks the end of an attempt with a server that was trusted on first use and seems to
// be another.
func (c *Conn) keyChanged(err error) error {
	var other *session.FingerprintError
	if !c.cfg.FirstUse || !errors.As(err, &other) {
		return err
	}
	c.owner.Log.Error("the server offers another key than when it was first met: is it another, or is somebody in its place?",
		"pinned", hex.EncodeToString(other.Pinned[:]), "offered", hex.EncodeToString(other.Offered[:]))
	return fmt.Errorf("%w: %w. To trust the new one, remove %s", ErrKeyChanged, err, knownPath(c.cfg.State))
}
