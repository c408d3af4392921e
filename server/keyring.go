package server

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"

	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/server/filelock"
)

// Errors of a rotation.
var (
	ErrRotating    = errors.New("the key of the suite is being rotated already")
	ErrNotRotating = errors.New("the key of the suite is not being rotated")
)

// A keyring is the private keys of a folder: of each suite one that devices are to know, and one
// that it takes the place of while devices learn that.
type keyring struct {
	handshake.Unprintable
	current, retiring []*handshake.PrivateKey // by suite
}

func keyFile(path string, suite handshake.Suite) string {
	return filepath.Join(path, keysFolder, fmt.Sprintf("suite-%d.key", suite))
}

// retiringFile is that of the key before, while there is one.
func retiringFile(path string, suite handshake.Suite) string {
	return filepath.Join(path, keysFolder, fmt.Sprintf("suite-%d.retiring.key", suite))
}

// loadKeys reads all keys of a folder. A file of a key that is the current one too is left from a
// rotation that was killed before it has begun.
func loadKeys(path string, o *opener) (k keyring, err error) {
	for _, suite := range handshake.Suites() {
		current, err := o.key(keyFile(path, suite), suite)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return k, err
		}
		k.current = append(k.current, current)
		retiring, err := o.key(retiringFile(path, suite), suite)
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			return k, err
		case !sameKey(retiring, current):
			k.retiring = append(k.retiring, retiring)
		}
	}
	if len(k.current) == 0 {
		return k, fmt.Errorf("%w: %s: no key in %s: pqcoap-server init makes one", ErrDir, path, keysFolder)
	}
	return k, nil
}

// key reads the file of a key.
func (o *opener) key(name string, suite handshake.Suite) (*handshake.PrivateKey, error) {
	b, err := o.read(name)
	if err != nil {
		return nil, err
	}
	defer clear(b)
	key, err := handshake.ParsePrivateKey(b)
	if err != nil || key.Suite() != suite {
		return nil, fmt.Errorf("%w: %s: not a key of suite %d", ErrDir, name, suite)
	}
	return key, nil
}

func sameKey(a, b *handshake.PrivateKey) bool {
	return a.ServerCredential().KeyID() == b.ServerCredential().KeyID()
}

// all are the keys with the current one of each suite before the retiring one.
func (k keyring) all() []*handshake.PrivateKey { return slices.Concat(k.current, k.retiring) }

// RotateKey makes a new key of a suite, by which the server wants to be known from now on. The one
// before is taken as well until FinishRotation; devices that come by it learn the new one. Who is
// killed at any moment leaves the folder as it was, or rotating. A server that runs takes the keys
// within a second. ErrRotating where that has not been finished. ask is for the passphrase, where the
// keys are sealed; the new one is, too.
func RotateKey(path string, suite handshake.Suite, ask Passphrase) (fresh *handshake.PrivateKey, err error) {
	o := &opener{ask: ask}
	defer o.wipe()
	err = changeKeys(path, o, func(k keyring) error {
		current, retiring := keyOf(k.current, suite), keyOf(k.retiring, suite)
		switch {
		case current == nil:
			return fmt.Errorf("%w: %s: no key of suite %d: pqcoap-server init makes one", ErrDir, path, suite)
		case retiring != nil:
			return fmt.Errorf("%w: suite %d: finish that first", ErrRotating, suite)
		}
		if fresh, err = handshake.GenerateKey(rand.Reader, suite); err != nil {
			return err
		}
		if err := writeKey(retiringFile(path, suite), current, o.passphrase, replaceFile); err != nil {
			return err
		}
		return writeKey(keyFile(path, suite), fresh, o.passphrase, replaceFile)
	})
	return fresh, err
}

// FinishRotation removes the key of a suite that another has taken the place of: devices that have
// not learnt the new one have to be enrolled anew. It returns the public half. ErrNotRotating where
// there is none.
func FinishRotation(path string, suite handshake.Suite, ask Passphrase) (retired *handshake.ServerCredential, err error) {
	o := &opener{ask: ask}
	defer o.wipe()
	err = changeKeys(path, o, func(k keyring) error {
		key := keyOf(k.retiring, suite)
		if key == nil {
			return fmt.Errorf("%w: suite %d", ErrNotRotating, suite)
		}
		retired = key.ServerCredential()
		return removeFile(retiringFile(path, suite))
	})
	return retired, err
}

// changeKeys has f change the keys of a folder: one program at a time.
func changeKeys(path string, o *opener, f func(keyring) error) error {
	lock, err := filelock.Wait(filepath.Join(path, keysLock))
	if err != nil {
		return fmt.Errorf("%w: %w", ErrDir, err)
	}
	defer lock.Close()
	k, err := loadKeys(path, o)
	if err != nil {
		return err
	}
	return f(k)
}

// hasKey tells whether a key is one of a list.
func hasKey(keys []*handshake.PrivateKey, key *handshake.PrivateKey) bool {
	return slices.ContainsFunc(keys, func(k *handshake.PrivateKey) bool { return sameKey(k, key) })
}

// keyOf is the key of a suite, nil if there is none.
func keyOf(keys []*handshake.PrivateKey, suite handshake.Suite) *handshake.PrivateKey {
	for _, k := range keys {
		if k.Suite() == suite {
			return k
		}
	}
	return nil
}
