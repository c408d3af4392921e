package server

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/fxamacker/cbor/v2"
)

// sessionsObject is a table of sessions at rest, sealed: [1, "sessions", era, salt, sealed]. The
// key is HKDF-SHA-256 of the folder's secrets with the salt, so that each file has its own, and
// the nonce of AES-256-GCM can be zeros.
type sessionsObject struct {
	_       struct{} `cbor:",toarray"`
	Version int
	Kind    string
	Era     uint32
	Salt    []byte
	Sealed  []byte
}

const (
	sessionsFile  = "sessions.cbor"
	sessionsKind  = "sessions"
	sessionsLabel = "pqcoap sessions 1"
	saltSize      = 32
	// maxSessionsFile is far beyond a million sessions.
	maxSessionsFile = 1 << 30
)

// errSessions says that a file of sessions is not used; the devices resume instead.
var errSessions = fmt.Errorf("%w: saved sessions not used", ErrDir)

// saveSessions puts the sessions of the server of an era where its successor finds them. They may
// be used once: the folder notes the one file that may be.
func (d *Dir) saveSessions(now time.Time, era uint32, state []byte) error {
	b, err := d.Secrets.seal(era, state)
	if err != nil {
		return err
	}
	return d.changeStarts(now, func(o *startsObject) error {
		if o.Count != era { // it has told the devices by now that their sessions are gone
			return fmt.Errorf("%w: another server has started in %s", ErrDir, d.Path)
		}
		if err := replaceFile(filepath.Join(d.Path, sessionsFile), b); err != nil {
			return err
		}
		sum := sha256.Sum256(b)
		o.Saved = sum[:]
		return nil
	})
}

// takeSessions returns the sessions that a server has saved, nil where there are none. When it
// returns, nobody can take them again, also not after a crash: the file and the note of it are
// gone, and that is on the disk. Else records of two servers would have the same nonces.
// errSessions where the file was not what the last server saved; it is gone then, too. After any
// other error no server may start.
func (d *Dir) takeSessions(now time.Time) (state []byte, err error) {
	name := filepath.Join(d.Path, sessionsFile)
	if _, err := os.Lstat(name); errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var b, noted []byte
	var unreadable error
	err = d.changeStarts(now, func(o *startsObject) error {
		b, unreadable = readSessions(name)
		noted, o.Saved = o.Saved, nil
		return removeFile(name)
	})
	if err != nil {
		return nil, fmt.Errorf("%w (sessions are used once: remove %s before the server starts)", err, name)
	}
	sum := sha256.Sum256(b)
	switch {
	case unreadable != nil:
		return nil, fmt.Errorf("%w: %w", errSessions, unreadable)
	case !bytes.Equal(sum[:], noted):
		return nil, fmt.Errorf("%w: not the file that was saved last here", errSessions)
	}
	return d.Secrets.open(b)
}

func readSessions(name string) ([]byte, error) {
	info, err := os.Stat(name)
	switch {
	case err != nil:
		return nil, err
	case info.Size() > maxSessionsFile:
		return nil, fmt.Errorf("larger than %d bytes", maxSessionsFile)
	}
	if err := private(name, info); err != nil {
		return nil, err
	}
	return os.ReadFile(name)
}

// seal makes a file of sessions.
func (s *Secrets) seal(era uint32, state []byte) ([]byte, error) {
	o := sessionsObject{Version: 1, Kind: sessionsKind, Era: era, Salt: make([]byte, saltSize)}
	rand.Read(o.Salt)
	aead, err := s.sessionsKey(o.Salt)
	if err != nil {
		return nil, err
	}
	o.Sealed = aead.Seal(nil, make([]byte, aead.NonceSize()), state, o.head())
	return cbor.Marshal(o)
}

// open is the inverse.
func (s *Secrets) open(b []byte) ([]byte, error) {
	var o sessionsObject
	if cbor.Unmarshal(b, &o) != nil || o.Version != 1 || o.Kind != sessionsKind || len(o.Salt) != saltSize {
		return nil, fmt.Errorf("%w: not a sessions object of version 1", errSessions)
	}
	aead, err := s.sessionsKey(o.Salt)
	if err != nil {
		return nil, err
	}
	state, err := aead.Open(nil, make([]byte, aead.NonceSize()), o.Sealed, o.head())
	if err != nil {
		return nil, fmt.Errorf("%w: changed, or sealed with the secrets of another folder", errSessions)
	}
	return state, nil
}

// head is what is not sealed, to be authenticated.
func (o *sessionsObject) head() []byte { return fmt.Appendf(nil, "%s %d", o.Kind, o.Era) }

func (s *Secrets) sessionsKey(salt []byte) (cipher.AEAD, error) {
	secret := append(s.Echo[:len(s.Echo):len(s.Echo)], s.Reset[:]...)
	defer clear(secret)
	key, err := hkdf.Key(sha256.New, secret, salt, sessionsLabel, 32)
	if err != nil {
		return nil, err
	}
	defer clear(key)
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}
