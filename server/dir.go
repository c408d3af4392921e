package server

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"time"

	"github.com/fxamacker/cbor/v2"

	"github.com/pqcoap/pqcoap/coap"
	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/server/registry"
)

// ErrDir is wrapped by every error about a server's folder.
var ErrDir = errors.New("server folder")

// The files of a server's folder. The telemetry log of the built-in application lies beside
// them.
const (
	settingsFile = "server.toml"
	secretsFile  = "secrets.cbor"
	keysFolder   = "keys"
)

// A Dir is a server's folder: settings, private keys, secrets, and the devices enrolled.
type Dir struct {
	Path     string
	Settings Settings
	Keys     []*handshake.PrivateKey // by suite
	Secrets  Secrets
	Devices  *registry.Registry
}

// InitDir makes a server's folder with a key of a suite, or adds the key to one that exists.
// It gives the new key back.
func InitDir(path string, suite handshake.Suite) (*handshake.PrivateKey, error) {
	if err := os.MkdirAll(filepath.Join(path, keysFolder), 0o700); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDir, err)
	}
	key, err := handshake.GenerateKey(rand.Reader, suite)
	if err != nil {
		return nil, err
	}
	if err := createFile(keyFile(path, suite), key.Append(nil)); err != nil {
		if errors.Is(err, fs.ErrExist) {
			return nil, fmt.Errorf("%w: %s: there is a key of suite %d already, which devices may have pinned", ErrDir, path, suite)
		}
		return nil, err
	}
	if err := createSecrets(path); err != nil {
		return nil, err
	}
	err = createFile(filepath.Join(path, settingsFile), []byte(defaultSettings))
	if errors.Is(err, fs.ErrExist) {
		err = nil
	}
	return key, err
}

func keyFile(path string, suite handshake.Suite) string {
	return filepath.Join(path, keysFolder, fmt.Sprintf("suite-%d.key", suite))
}

// OpenDir reads a server's folder.
func OpenDir(path string) (*Dir, error) {
	d := &Dir{Path: path}
	var err error
	if d.Settings, err = loadSettings(filepath.Join(path, settingsFile)); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("%w: %s: no %s in it: pqcoap-server init makes one", ErrDir, path, settingsFile)
		}
		return nil, err
	}
	if d.Secrets, err = loadSecrets(path); err != nil {
		return nil, err
	}
	if d.Keys, err = loadKeys(path); err != nil {
		return nil, err
	}
	if d.Devices, err = registry.Open(path); err != nil {
		return nil, err
	}
	return d, nil
}

// Key is the server's key of a suite, nil if there is none.
func (d *Dir) Key(suite handshake.Suite) *handshake.PrivateKey {
	for _, k := range d.Keys {
		if k.Suite() == suite {
			return k
		}
	}
	return nil
}

// Config is the configuration of a server that serves this folder's devices.
func (d *Dir) Config(h coap.Handler) Config {
	return Config{
		Keys:          d.Keys,
		Authorize:     d.authorize,
		Secrets:       d.Secrets,
		Handler:       h,
		AlwaysEcho:    d.Settings.Echo == EchoAlways,
		MaxUDPPayload: d.Settings.MaxUDPPayload,
		IdleTimeout:   time.Duration(d.Settings.IdleTimeout) * time.Second,
		Forward:       len(d.Settings.Routes) > 0,
	}
}

// authorize looks a credential up among the devices enrolled.
func (d *Dir) authorize(suite handshake.Suite, c handshake.ClientCredential) (Client, error) {
	if c.Mode == handshake.ModeNone {
		if d.Settings.Anonymous {
			return Client{}, nil
		}
		return Client{}, &handshake.Refusal{
			Code: handshake.RefusedMode,
			Text: "this server takes enrolled devices only",
		}
	}
	device, err := d.Devices.Lookup(suite, c)
	if err != nil {
		return Client{}, &handshake.Refusal{
			Code: handshake.RefusedCredential,
			Text: "this device is not enrolled here",
		}
	}
	return Client{Name: device.Name, Key: device.PublicKey, PSK: device.PSK}, nil
}

// secretsObject is the file form of Secrets: [1, "secrets", echo, reset].
type secretsObject struct {
	_       struct{} `cbor:",toarray"`
	Version int
	Kind    string
	Echo    []byte
	Reset   []byte
}

const secretsKind = "secrets"

// createSecrets makes the secrets file, unless there is one.
func createSecrets(path string) error {
	var s Secrets
	rand.Read(s.Echo[:])
	rand.Read(s.Reset[:])
	b, err := cbor.Marshal(secretsObject{Version: 1, Kind: secretsKind, Echo: s.Echo[:], Reset: s.Reset[:]})
	if err != nil {
		return err
	}
	err = createFile(filepath.Join(path, secretsFile), b)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	return err
}

func loadSecrets(path string) (s Secrets, err error) {
	name := filepath.Join(path, secretsFile)
	b, err := readPrivate(name)
	if err != nil {
		return s, err
	}
	var o secretsObject
	if cbor.Unmarshal(b, &o) != nil || o.Version != 1 || o.Kind != secretsKind ||
		len(o.Echo) != len(s.Echo) || len(o.Reset) != len(s.Reset) {
		return s, fmt.Errorf("%w: %s: not a secrets object of version 1: without it, remove the file and run pqcoap-server init with another suite", ErrDir, name)
	}
	copy(s.Echo[:], o.Echo)
	copy(s.Reset[:], o.Reset)
	return s, nil
}

func loadKeys(path string) ([]*handshake.PrivateKey, error) {
	var keys []*handshake.PrivateKey
	for _, suite := range handshake.Suites() {
		name := keyFile(path, suite)
		b, err := readPrivate(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		key, err := handshake.ParsePrivateKey(b)
		clear(b)
		if err != nil || key.Suite() != suite {
			return nil, fmt.Errorf("%w: %s: not a key of suite %d", ErrDir, name, suite)
		}
		keys = append(keys, key)
	}
	if len(keys) == 0 {
		return nil, fmt.Errorf("%w: %s: no key in %s: pqcoap-server init makes one", ErrDir, path, keysFolder)
	}
	return slices.Clip(keys), nil
}

// createFile writes a new private file, whole or not at all.
func createFile(name string, b []byte) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrDir, err)
	}
	_, err = f.Write(b)
	err = errors.Join(err, f.Sync(), f.Close())
	if err != nil {
		os.Remove(name)
		return fmt.Errorf("%w: %w", ErrDir, err)
	}
	return nil
}

// maxPrivateFile bounds what is read of a key or secrets file.
const maxPrivateFile = 64 << 10

// readPrivate reads a file with secrets in it, which others must not be able to read.
func readPrivate(name string) ([]byte, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDir, err)
	}
	if runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("%w: %s holds secrets and has mode %04o, which lets others read it: run chmod 600 %s",
			ErrDir, name, info.Mode().Perm(), name)
	}
	if info.Size() > maxPrivateFile {
		return nil, fmt.Errorf("%w: %s: larger than %d bytes", ErrDir, name, maxPrivateFile)
	}
	b, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDir, err)
	}
	return b, nil
}
