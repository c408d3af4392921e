package node

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"

	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/handshake/cwt"
	"github.com/pqcoap/pqcoap/internal/config"
)

// The values of trust and clock in a configuration file.
const (
	firstUseTrust = "first-use"
	clockNone     = "none"
)

// encoding is base64url without padding.
var encoding = base64.RawURLEncoding

// trust reads how the server is known, and what the authority has signed of the device.
func (f *file) trust(cfg *Config, lines config.Lines) error {
	ways, last := 0, ""
	for _, way := range []struct {
		name, value string
		read        func(cfg *Config, value string) error
	}{
		{"server_key", f.ServerKey, readServerKey},
		{"fingerprint", f.Fingerprint, readFingerprint},
		{"authority", f.Authority, readAuthority},
		{"trust", f.Trust, readTrust},
	} {
		if way.value == "" {
			continue
		}
		ways++
		if err := way.read(cfg, way.value); err != nil {
			return lines.Problem(way.name, "%s: %w", way.name, err)
		}
		last = way.name
	}
	if ways != 1 {
		return lines.Problem(last, "server_key, fingerprint, authority and trust: want one of them, to know the server by")
	}
	cfg.Issuer, cfg.ServerName, cfg.NoClock = f.Issuer, f.ServerName, f.Clock == clockNone
	if f.Credential != "" {
		var err error
		if cfg.Credential, err = encoding.DecodeString(f.Credential); err != nil {
			return lines.Problem("credential", "credential: %w", errBase64)
		}
	}
	return nil
}

func readServerKey(cfg *Config, value string) error {
	b, err := encoding.DecodeString(value)
	if err != nil {
		return errBase64
	}
	if cfg.Trust, err = handshake.ParseServerCredential(b); err != nil {
		return err
	}
	if cfg.Trust.Suite() != cfg.Suite {
		return fmt.Errorf("a key of suite %d, but suite = %d", cfg.Trust.Suite(), cfg.Suite)
	}
	return nil
}

func readFingerprint(cfg *Config, value string) error {
	b, err := hex.DecodeString(value)
	if err != nil || len(b) != len(cfg.Fingerprint) {
		return fmt.Errorf("want 64 hex digits, as pqcoap-server fingerprint prints them")
	}
	copy(cfg.Fingerprint[:], b)
	return nil
}

func readAuthority(cfg *Config, value string) error {
	b, err := encoding.DecodeString(value)
	if err != nil {
		return errBase64
	}
	cfg.Authority, err = cwt.ParseAuthorityKey(b)
	return err
}

func readTrust(cfg *Config, _ string) error {
	cfg.FirstUse = true
	return nil
}

// setTrust is the opposite of trust.
func (f *file) setTrust(cfg *Config) {
	switch {
	case cfg.Trust != nil:
		f.Suite = uint8(cfg.Trust.Suite())
		f.ServerKey = encoding.EncodeToString(cfg.Trust.Bytes())
	case cfg.Authority != nil:
		f.Authority = encoding.EncodeToString(cfg.Authority.Bytes())
		f.Issuer, f.ServerName = cfg.Issuer, cfg.ServerName
	case cfg.FirstUse:
		f.Trust = firstUseTrust
	default:
		f.Fingerprint = hex.EncodeToString(cfg.Fingerprint[:])
	}
	if cfg.NoClock {
		f.Clock = clockNone
	}
}
