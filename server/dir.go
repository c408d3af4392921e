package server

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pqcoap/pqcoap/coap"
	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/internal/config"
	"github.com/pqcoap/pqcoap/server/control"
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
	Retiring []*handshake.PrivateKey // by suite: those that a key of Keys takes the place of
	Secrets  Secrets
	Devices  *registry.Registry // nil before OpenDevices

	// NoControl has the server that runs not listen at the socket by which commands reach the
	// devices while it owns them.
	NoControl bool

	standing atomic.Pointer[standing] // who the server is, and whom it believes, now
	permits  permits
	opener   *opener // of keys that come later

	tickets *tickets                 // of a server that runs; nil: sessions are not resumed
	read    Settings                 // what server.toml has said last
	live    atomic.Pointer[Settings] // what a server that runs has taken since; nil: Settings
	owned   bool                     // by a server; guarded by owning
	owning  sync.Mutex
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
	o := &opener{ask: ask}
	st, err := loadStanding(path, o, time.Now())
	if err != nil {
		o.wipe()
		return nil, err
	}
	d.opener = o
	d.standing.Store(st)
	d.Keys, d.Retiring = st.keys.current, st.keys.retiring
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
func (d *Dir) Key(suite handshake.Suite) *handshake.PrivateKey { return keyOf(d.Keys, suite) }

// Rotating tells whether the key of a suite takes the place of another.
func (d *Dir) Rotating(suite handshake.Suite) bool { return keyOf(d.Retiring, suite) != nil }

// Config is the configuration of a server that serves this folder's devices.
func (d *Dir) Config(h coap.Handler) Config {
	return Config{
		Keys:          keyring{current: d.Keys, retiring: d.Retiring}.all(),
		Authorize:     d.authorize,
		Secrets:       d.Secrets,
		Handler:       h,
		AlwaysEcho:    d.Settings.Echo == EchoAlways,
		MaxUDPPayload: d.Settings.MaxUDPPayload,
		Shards:        d.Settings.Shards,
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
	if err := d.renew(now); err != nil {
		return err
	}
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
