package node

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/fxamacker/cbor/v2"

	"github.com/pqcoap/pqcoap/handshake"
)

// ErrEnrolled says that there is a configuration already where one is to be written.
var ErrEnrolled = errors.New("node: there is a device's file already")

// EnrollFile is Enroll, and writes the configuration to a file, which may not be there yet. The
// device's key is made by it, and is on the disk before the code is proven, in a file beside it
// named .pending: whenever the program is killed, the same call again finishes what it began. Key
// of the Enrolment is not used. A State without one is named as the file is.
func EnrollFile(ctx context.Context, path string, e Enrolment) (Config, error) {
	if err := unwritten(path); err != nil {
		return Config{}, err
	}
	var err error
	if e.Key, err = pendingKey(pendingPath(path), e.Invitation); err != nil {
		return Config{}, err
	}
	if e.State == "" {
		e.State = strings.TrimSuffix(filepath.Base(path), ".toml") + ".state"
	}
	cfg, err := Enroll(ctx, e)
	if err != nil {
		return Config{}, err
	}
	if err := writeEnrolled(path, cfg); err != nil {
		return Config{}, err
	}
	return LoadConfig(path)
}

// unwritten makes sure that there is no file yet. Of one that was written just before the program
// was killed it removes what is left beside it.
func unwritten(path string) error {
	_, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrConfig, err)
	}
	cfg, err := LoadConfig(path)
	if err == nil || errors.Is(err, ErrSealed) {
		os.Remove(pendingPath(path))
	}
	if err == nil {
		return fmt.Errorf("%w: %s, of %s", ErrEnrolled, path, cfg.Name)
	}
	return fmt.Errorf("%w: %s", ErrEnrolled, path)
}

// writeEnrolled writes the configuration. Only then the key is not pending any more.
func writeEnrolled(path string, cfg Config) error {
	text, err := AppendConfig(nil, cfg)
	if err != nil {
		return err
	}
	defer clear(text)
	if err := replaceFile(path, text); err != nil {
		return fmt.Errorf("%w: %w", ErrConfig, err)
	}
	os.Remove(pendingPath(path)) // what stays is in the configuration as well
	return nil
}

func pendingPath(path string) string { return path + ".pending" }

// pendingObject is the file of a key whose code has not been proven yet, or not been heard to be.
type pendingObject struct {
	_       struct{} `cbor:",toarray"`
	Version int
	Kind    string
	ID      []byte // of the invitation's PSK: the key is for that code
	Key     []byte
}

const (
	pendingVersion = 1
	pendingKind    = "pending"
)

// pendingKey is the key for an invitation: the one that is on the disk for it, or a new one, which
// is when pendingKey returns.
func pendingKey(path string, inv *Invitation) (*handshake.PrivateKey, error) {
	id := inv.Code.PSK().ID
	b, err := readBounded(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	defer clear(b)
	var o pendingObject
	if cbor.Unmarshal(b, &o) == nil && o.Version == pendingVersion && o.Kind == pendingKind && bytes.Equal(o.ID, id[:]) {
		defer clear(o.Key)
		if key, err := handshake.ParsePrivateKey(o.Key); err == nil && key.Suite() == inv.Suite {
			return key, nil
		}
	}
	key, err := handshake.GenerateKey(rand.Reader, inv.Suite)
	if err != nil {
		return nil, err
	}
	o = pendingObject{Version: pendingVersion, Kind: pendingKind, ID: id[:], Key: key.Append(nil)}
	defer clear(o.Key)
	object, err := cbor.Marshal(o)
	if err != nil {
		return nil, err
	}
	defer clear(object)
	return key, replaceState(path, object)
}
