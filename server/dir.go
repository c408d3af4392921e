package server

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/pqcoap/pqcoap/coap"
	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/server/control"
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
	Devices  *registry.Registry // nil before OpenDevices

	// NoControl has the server that runs not listen at the socket by which commands reach the
	// devices while it owns them.
	NoControl bool

	tickets *tickets // of a server that runs; nil: sessions are not resumed
	owned   bool     // by a server; guarded by owning
	owning  sync.Mutex
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
	if err := createTickets(path, time.Now()); err != nil {
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
	return d, nil
}

// OpenDevices makes this process the owner of the devices, if it is not. [New] does it for a server,
// which gives them back when it has ended. A program that serves nobody reaches them by package
// control, which works beside a server too.
func (d *Dir) OpenDevices() error {
	if d.Devices != nil && !d.Devices.Closed() {
		return nil
	}
	devices, err := control.Own(d.Path)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrDir, err)
	}
	d.Devices = devices
	return nil
}

// own opens the devices for a server, the only one of the folder.
func (d *Dir) own() error {
	d.owning.Lock()
	defer d.owning.Unlock()
	if d.owned {
		return fmt.Errorf("%w: %s: another server has it", ErrDir, d.Path)
	}
	if err := d.OpenDevices(); err != nil {
		return err
	}
	d.owned = true
	return nil
}

// release closes the devices, where a server has them.
func (d *Dir) release() error {
	d.owning.Lock()
	defer d.owning.Unlock()
	if !d.owned {
		return nil
	}
	d.owned = false
	return d.Devices.Close()
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
		MaxHalfOpen:   d.Settings.Limits.HalfOpen,
		MaxSessions:   d.Settings.Limits.Sessions,
		Admission:     d.Settings.Limits.admission(),
		Forward:       len(d.Settings.Routes) > 0,
		Limits:        d.Settings.limits(),
		Update:        d.Settings.update(),
		dir:           d,
	}
}

// begin takes the folder for a server.
func (d *Dir) begin(now time.Time, cfg *Config) error {
	if err := d.own(); err != nil {
		return err
	}
	if err := d.start(now, cfg); err != nil {
		return errors.Join(err, d.release())
	}
	return nil
}

// start counts a start of a server and reads the ticket keys, which are made where they are
// missing: what a folder has is from before there were tickets.
func (d *Dir) start(now time.Time, cfg *Config) (err error) {
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
		if d.Settings.Anonymous {
			return Client{}, nil
		}
		return Client{}, &handshake.Refusal{
			Code: handshake.RefusedMode,
			Text: "this server takes enrolled devices only",
		}
	}
	device, err := d.Devices.Lookup(suite, c)
	if err != nil || device.Enrolling {
		return Client{}, &handshake.Refusal{
			Code: handshake.RefusedCredential,
			Text: "this device is not enrolled here",
		}
	}
	return Client{Name: device.Name, Key: device.PublicKey, PSK: device.PSK}, nil
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
