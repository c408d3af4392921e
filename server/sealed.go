package server

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/internal/keyfile"
	"github.com/pqcoap/pqcoap/server/filelock"
)

// ErrSealed says that keys are sealed under a passphrase, which is not there.
var ErrSealed = keyfile.ErrSealed

// A Passphrase is asked for that of the folder's keys, where they are sealed, once. What it returns
// is cleared.
type Passphrase func() ([]byte, error)

// sealedHint is what to do about ErrSealed.
const sealedHint = "the commands ask for the passphrase on a terminal, or take it by -passphrase-fd or as a credential of systemd"

// An opener reads key files. It holds the passphrase meanwhile.
type opener struct {
	handshake.Unprintable
	ask        Passphrase // nil: there is none
	passphrase []byte
}

// wipe forgets the passphrase.
func (o *opener) wipe() {
	clear(o.passphrase)
	o.passphrase = nil
}

// read returns the key object in a file, to be cleared.
func (o *opener) read(name string) ([]byte, error) {
	b, err := readPrivate(name)
	if err != nil || !keyfile.IsSealed(b) {
		return b, err
	}
	if o.passphrase == nil {
		if o.ask == nil {
			return nil, fmt.Errorf("%w: %s: %w: %s", ErrDir, name, ErrSealed, sealedHint)
		}
		said, err := o.ask()
		if err != nil {
			return nil, fmt.Errorf("%w: %s: %w: %w", ErrDir, name, ErrSealed, err)
		}
		o.passphrase = bytes.Clone(said)
		clear(said)
	}
	object, err := keyfile.Open(b, o.passphrase)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrDir, name, err)
	}
	return object, nil
}

// keyFiles are all files of private keys in the folder, that of an authority among them.
func keyFiles(path string) ([]string, error) {
	names, err := filepath.Glob(filepath.Join(path, keysFolder, "*.key"))
	if err != nil {
		return nil, err
	}
	authority, err := filepath.Glob(filepath.Join(path, caKeyFile))
	return append(names, authority...), err
}

// Sealed tells whether a key in a folder is sealed under a passphrase.
func Sealed(path string) (bool, error) {
	names, err := keyFiles(path)
	if err != nil {
		return false, err
	}
	for _, name := range names {
		if b, err := readPrivate(name); err != nil || keyfile.IsSealed(b) {
			return err == nil, err
		}
	}
	return false, nil
}

// checkPassphrase holds the passphrase of a new key to the keys that are there: all are sealed under
// one, or none is.
func checkPassphrase(path string, passphrase []byte) error {
	names, err := keyFiles(path)
	if err != nil {
		return err
	}
	for _, name := range names {
		b, err := readPrivate(name)
		if err == nil && !keyfile.IsSealed(b) && passphrase != nil {
			clear(b)
			return fmt.Errorf("%w: %s is not sealed: make the new key without a passphrase, and seal all by pqcoap-server passphrase", ErrDir, name)
		}
		clear(b)
		o := opener{passphrase: passphrase}
		object, err := o.read(name)
		clear(object)
		if err != nil {
			return err
		}
	}
	return nil
}

// sealCost is that of new files.
var sealCost = keyfile.Server

// createKey makes the file of a new key, sealed where there is a passphrase.
func createKey(path string, key *handshake.PrivateKey, passphrase []byte) error {
	err := writeKey(keyFile(path, key.Suite()), key, passphrase, createFile)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%w: %s: there is a key of suite %d already, which devices may have pinned", ErrDir, path, key.Suite())
	}
	return err
}

// writeKey makes the file of a private key by write, sealed where there is a passphrase.
func writeKey(name string, key interface{ Append([]byte) []byte }, passphrase []byte, write func(name string, b []byte) error) error {
	object := key.Append(nil)
	defer clear(object)
	b := object
	if passphrase != nil {
		var err error
		if b, err = keyfile.Seal(rand.Reader, object, passphrase, sealCost); err != nil {
			return fmt.Errorf("%w: %w", ErrDir, err)
		}
	}
	return write(name, b)
}

// SetPassphrase seals all keys of a folder under a passphrase, or under another one, or leaves them
// open where fresh is nil. It returns how many. Each file is replaced whole; who is interrupted does
// it again, with the same two passphrases: files that are done already are left as they are.
func SetPassphrase(path string, current Passphrase, fresh []byte) (int, error) {
	lock, err := filelock.Wait(filepath.Join(path, keysLock))
	if err != nil {
		return 0, fmt.Errorf("%w: %w", ErrDir, err)
	}
	defer lock.Close()
	names, err := keyFiles(path)
	if err != nil {
		return 0, err
	}
	o := opener{ask: current}
	defer o.wipe()
	changed := make([][]byte, len(names)) // all, before the first file is touched
	for i, name := range names {
		if changed[i], err = o.reseal(name, fresh); err != nil {
			return 0, err
		}
		defer clear(changed[i])
	}
	for i, name := range names {
		if err := replaceFile(name, changed[i]); err != nil {
			return i, err
		}
	}
	return len(names), nil
}

// reseal returns what a key file is to be under another passphrase; nil: none.
func (o *opener) reseal(name string, fresh []byte) ([]byte, error) {
	object, err := o.read(name)
	if errors.Is(err, keyfile.ErrPassphrase) && fresh != nil { // done, before an interruption
		done := opener{passphrase: fresh}
		object, err = done.read(name)
	}
	if err != nil || fresh == nil {
		return object, err
	}
	defer clear(object)
	b, err := keyfile.Seal(rand.Reader, object, fresh, sealCost)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDir, err)
	}
	return b, nil
}
