package node

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"os"
	"strings"

	"github.com/pqcoap/pqcoap/internal/config"
	"github.com/pqcoap/pqcoap/internal/keyfile"
)

// ErrSealed says that the device's key is sealed under a passphrase, which is not there.
var ErrSealed = keyfile.ErrSealed

// A Passphrase is asked for that of the device's key, where it is sealed. What it returns is
// cleared.
type Passphrase func() ([]byte, error)

// sealCost is that of new files.
var sealCost = keyfile.Device

// unseal returns the key object that a file has; nil: none. The caller clears it.
func (f *file) unseal(ask Passphrase) ([]byte, error) {
	if f.Key == "" {
		return nil, nil
	}
	b, err := encoding.DecodeString(f.Key)
	switch {
	case err != nil:
		return nil, errBase64
	case !keyfile.IsSealed(b):
		return b, nil
	case ask == nil:
		return nil, fmt.Errorf("%w: pqcoap-node asks for the passphrase on a terminal, or takes it by -passphrase-fd or as a credential of systemd", ErrSealed)
	}
	passphrase, err := ask()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSealed, err)
	}
	defer clear(passphrase)
	return keyfile.Open(b, passphrase)
}

// Sealed tells whether the key in a device's file is sealed under a passphrase.
func Sealed(path string) (bool, error) {
	text, err := readConfig(path)
	if err != nil {
		return false, err
	}
	defer clear(text)
	var f file
	if _, err := config.Device.Decode(text, &f); err != nil {
		return false, fmt.Errorf("%w: %s: %w", ErrConfig, path, err)
	}
	b, err := encoding.DecodeString(f.Key)
	defer clear(b)
	return err == nil && keyfile.IsSealed(b), nil
}

// SetPassphrase seals the key in a device's file under a passphrase, or under another one, or
// leaves it open where fresh is nil. The rest of the file stays as it is. The old file stays until
// the new one is on the disk.
func SetPassphrase(path string, current Passphrase, fresh []byte) error {
	text, err := readConfig(path)
	if err != nil {
		return err
	}
	defer clear(text)
	changed, err := reseal(text, current, fresh)
	if err != nil {
		return fmt.Errorf("%w: %s: %w", ErrConfig, path, err)
	}
	defer clear(changed)
	if _, err := parseConfig(changed, func() ([]byte, error) { return bytes.Clone(fresh), nil }); err != nil {
		return fmt.Errorf("%s: left as it is: %w", path, err)
	}
	if err := replaceFile(path, changed); err != nil {
		return fmt.Errorf("%w: %w", ErrConfig, err)
	}
	return nil
}

// reseal changes the line of the key in the text of a file.
func reseal(text []byte, current Passphrase, fresh []byte) ([]byte, error) {
	var f file
	lines, err := config.Device.Decode(text, &f)
	if err != nil {
		return nil, err
	}
	object, err := f.unseal(current)
	if err != nil {
		return nil, fmt.Errorf("key: %w", err)
	}
	defer clear(object)
	if object == nil {
		return nil, fmt.Errorf("there is no key in it")
	}
	sealed := object
	if fresh != nil {
		if sealed, err = keyfile.Seal(rand.Reader, object, fresh, sealCost); err != nil {
			return nil, err
		}
	}
	all := strings.SplitAfter(string(text), "\n")
	line := lines["key"] - 1
	end := all[line][len(strings.TrimRight(all[line], "\r\n")):]
	all[line] = fmt.Sprintf("key = \"%s\"%s", encoding.EncodeToString(sealed), end)
	return []byte(strings.Join(all, "")), nil
}

// readConfig reads a device's file, which others must not be able to.
func readConfig(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrConfig, err)
	}
	if err := private(path, info); err != nil {
		return nil, err
	}
	if info.Size() > maxConfigFile {
		return nil, fmt.Errorf("%w: %s: larger than %d bytes: is it a device's file?", ErrConfig, path, maxConfigFile)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrConfig, err)
	}
	return b, nil
}
