package server

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/pqcoap/pqcoap/coap"
	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/internal/config"
	"github.com/pqcoap/pqcoap/server/registry"
)

var errAnonymous = errors.New("no credential, and anonymous = false")

// ErrDir is wrapped by every error about a server's folder.
var ErrDir = errors.New("server folder")

// The files of a server's folder. The telemetry log of the built-in application lies beside
// them.
const (
	settingsFile = "server.toml"
	secretsFile  = "secrets.cbor"
	keysFolder   = "keys"
	keysLock     = "keys.lock"
)

// A Dir is a server's folder: settings, private keys, secrets, and the devices enrolled.
type Dir struct {
	Path     string
	Settings Settings
	Keys     []*handshake.PrivateKey // by suite
	Secrets  Secrets
	Devices  *registry.Registry

	tickets *tickets                 // of a server that runs; nil: sessions are not resumed
	read    Settings                 // what server.toml has said last
	live    atomic.Pointer[Settings] // what a server that runs has taken since; nil: Settings
}

// InitDir makes a server's folder with a key of a suite, or adds the key to one that exists.
// It gives the new key back.
func InitDir(path string, suite handshake.Suite) (*handshake.PrivateKey, error) {
	return InitDirSealed(path, suite, nil)
}

// InitDirSealed is InitDir with the key sealed under a passphrase; nil: it is not. It has to be that
// of the other keys of the folder, where there are any.
func InitDirSealed(path string, suite handshake.Suite, passphrase []byte) (*handshake.PrivateKey, error) {
	if err := os.MkdirAll(filepath.Join(path, keysFolder), 0o700); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDir, err)
	}
	if err := checkPassphrase(path, passphrase); err != nil {
		return nil, err
	}
	key, err := handshake.GenerateKey(rand.Reader, suite)
	if err != nil {
		return nil, err
	}
	if err := createKey(path, key, passphrase); err != nil {
		return nil, err
	}
	if err := createSecrets(path); err != nil {
		return nil, err
	}
	if err := createTickets(path, time.Now()); err != nil {
		return nil, err
	}
	err = createFile(filepath.Join(path, settingsFile), config.Server.Commented())
	if errors.Is(err, fs.ErrExist) {
		err = nil
	}
	return key, err
}

// OpenDir reads a server's folder, whose keys are not sealed.
func OpenDir(path string) (*Dir, error) { return OpenDirSealed(path, nil) }

// OpenDirSealed reads a server's folder, and asks for the passphrase if its keys are sealed.
func OpenDirSealed(path string, ask Passphrase) (*Dir, error) {
	d := &Dir{Path: path}
	var err error
	if d.Settings, err = loadSettings(filepath.Join(path, settingsFile)); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("%w: %s: no %s in it: pqcoap-server init makes one", ErrDir, path, settingsFile)
		}
		return nil, err
	}
	d.read = d.Settings
	if d.Secrets, err = loadSecrets(path); err != nil {
		return nil, err
	}
	if d.Keys, err = loadKeys(path, ask); err != nil {
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
		IdleTimeout:   d.Settings.idle(),
		MaxHalfOpen:   d.Settings.Limits.HalfOpen,
		MaxSessions:   d.Settings.Limits.Sessions,
		Admission:     d.Settings.Limits.admission(),
		Forward:       len(d.Settings.Routes) > 0,
		Limits:        d.Settings.limits(),
		Update:        d.Settings.update(),
		dir:           d,
	}
}

// begin counts a start of a server and reads the ticket keys, which are made where they are
// missing: what a folder has is from before there were tickets.
func (d *Dir) begin(now time.Time, cfg *Config) (err error) {
	if cfg.Era, err = d.countStart(now); err != nil || !d.Settings.Resume {
		return err
	}
	if err := createTickets(d.Path, now); err != nil {
		return err
	}
	if d.tickets, err = openTickets(d.Path); err != nil {
		return err
	}
	cfg.Tickets = d.tickets.keys
	return nil
}

// authorize looks a credential up among the devices enrolled.
func (d *Dir) authorize(suite handshake.Suite, c handshake.ClientCredential) (Client, error) {
	if c.Mode == handshake.ModeNone {
		if d.settings().Anonymous {
			return Client{}, nil
		}
		return Client{}, deny(errAnonymous, handshake.RefusedMode, "this server takes enrolled devices only")
	}
	device, err := d.Devices.Lookup(suite, c)
	if err != nil {
		return Client{}, deny(err, handshake.RefusedCredential, "this device is not enrolled here")
	}
	return Client{Name: device.Name, Key: device.PublicKey, PSK: device.PSK}, nil
}
