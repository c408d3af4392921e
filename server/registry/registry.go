// Package registry keeps who may connect to a server: devices by name, with their keys, groups,
// permissions and state, and the invitations that are open.
//
//	devices, err := registry.Open("/var/lib/pqcoap")
//	defer devices.Close()
//	err = devices.Enroll(registry.Device{Name: "sensor-1", Suite: handshake.XWing, PublicKey: pk, Enrolled: now})
//	device, err := devices.Lookup(handshake.XWing, credential)
//
// They lie in devices.db of the server's folder, a bbolt database, which one process owns: a server
// that runs, or else a command. What a method has returned nil for is on the disk, also when the
// process is killed; only when devices were last seen is written once a minute. Nothing but the
// database's own pages is held in memory, and a key is expanded when it is looked up. A Registry is
// safe for concurrent use.
package registry

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	bolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"github.com/pqcoap/pqcoap/handshake"
)

// FileName is that of the database in the server's folder.
const FileName = "devices.db"

// Errors by class of failure.
var (
	ErrFile      = errors.New("devices file") // it cannot be read or written, or must not be used
	ErrInUse     = errors.New("devices file is in use by another program, perhaps a server that runs")
	ErrClosed    = errors.New("registry is closed")
	ErrInvalid   = errors.New("invalid device")
	ErrTaken     = errors.New("already enrolled")
	ErrUnknown   = errors.New("device is not enrolled")
	ErrSuite     = errors.New("device is enrolled for another suite")
	ErrSuspended = errors.New("device is suspended")
	ErrRevoked   = errors.New("device is revoked")
	ErrExpired   = errors.New("invitation has expired")
	ErrBusy      = errors.New("too many unknown identifiers are asked for") // see UnknownPerSecond
)

// The buckets of the database.
var (
	bucketMeta        = []byte("meta")
	bucketDevices     = []byte("devices")     // record by name
	bucketCredentials = []byte("credentials") // name by mode and reference
	bucketSeen        = []byte("seen")        // first and last, by name
	bucketInvites     = []byte("invites")     // record by identifier of the PSK
	bucketInvited     = []byte("invited")     // identifier by name
	bucketRevoked     = []byte("revoked")     // expiry of a credential by its CWT ID
	buckets           = [][]byte{
		bucketMeta, bucketDevices, bucketCredentials, bucketSeen, bucketInvites, bucketInvited, bucketRevoked,
	}
	formatKey = []byte("format")
)

// format is the version of the database's layout. Another is refused.
const format = 1

// A Registry is the devices of one server's folder.
type Registry struct {
	db      *bolt.DB
	closed  atomic.Bool
	now     func() time.Time
	version atomic.Uint64
	changed chan struct{} // has one element where touched is not empty

	mu      sync.Mutex
	touched map[string]struct{} // devices that may have lost something; nil: all
	seen    map[string]sighting // not written yet
	written time.Time           // when all of seen was written last
	guesses guesses
}

// Open makes this process the owner of the devices of a server's folder. Without a file there are
// none yet. ErrInUse says that another process owns them.
func Open(dir string) (*Registry, error) {
	path := filepath.Join(dir, FileName)
	info, err := os.Stat(path)
	fresh := errors.Is(err, fs.ErrNotExist)
	if err == nil {
		err = private(info)
	}
	if err != nil && !fresh {
		return nil, fmt.Errorf("%w: %s: %w", ErrFile, path, err)
	}
	// The least time: the lock is tried once.
	db, err := bolt.Open(path, 0o600, &bolt.Options{Timeout: 1, FreelistType: bolt.FreelistMapType})
	switch {
	case errors.Is(err, bolterrors.ErrTimeout):
		return nil, fmt.Errorf("%w: %s", ErrInUse, path)
	case err != nil:
		return nil, fmt.Errorf("%w: %s: %w", ErrFile, path, err)
	}
	r := &Registry{
		db: db, now: time.Now, changed: make(chan struct{}, 1),
		touched: map[string]struct{}{}, seen: map[string]sighting{},
	}
	if fresh {
		err = syncFolder(dir)
	}
	if err == nil {
		err = r.update(prepare)
	}
	if err != nil {
		db.Close()
		return nil, fmt.Errorf("%w: %s: %w", ErrFile, path, err)
	}
	r.written = r.now()
	r.guesses.start(r.now())
	return r, nil
}

// prepare makes the buckets of a new database, and holds an old one to what this program reads.
func prepare(tx *bolt.Tx) error {
	for _, name := range buckets {
		if _, err := tx.CreateBucketIfNotExists(name); err != nil {
			return err
		}
	}
	meta := tx.Bucket(bucketMeta)
	switch got := meta.Get(formatKey); {
	case got == nil:
		return meta.Put(formatKey, []byte{format})
	case len(got) != 1 || got[0] != format:
		return fmt.Errorf("has format %x: this program reads format %d", got, format)
	}
	return nil
}

// Close writes what is not written yet, and gives the devices to whoever opens them next.
func (r *Registry) Close() error {
	if r.closed.Swap(true) {
		return ErrClosed
	}
	err := r.flush(r.now(), true)
	return errors.Join(err, r.db.Close())
}

// Closed tells whether Close was called.
func (r *Registry) Closed() bool { return r.closed.Load() }

// Lookup finds the device that a client's credential names, or the invitation, if it is of the
// suite and is let in.
func (r *Registry) Lookup(suite handshake.Suite, c handshake.ClientCredential) (*Device, error) {
	var found *record
	err := r.view(func(tx *bolt.Tx) (err error) {
		if name := tx.Bucket(bucketCredentials).Get(reference(c)); name != nil {
			found, err = r.read(tx, string(name))
			return err
		}
		if c.Mode != handshake.ModePSK {
			return ErrUnknown
		}
		found, err = r.invited(tx, c.ID)
		return err
	})
	switch {
	case err != nil:
		return nil, err
	case found.Suite != suite:
		return nil, ErrSuite
	}
	if err := found.admitted(); err != nil {
		return nil, err
	}
	return found.device()
}

// admitted says why a device is not let in.
func (r *record) admitted() error {
	switch r.Barred {
	case Suspended:
		return fmt.Errorf("%w: %s", ErrSuspended, r.Name)
	case Revoked:
		return fmt.Errorf("%w: %s", ErrRevoked, r.Name)
	}
	return nil
}

// reference is the key of a credential in the index.
func reference(c handshake.ClientCredential) []byte {
	return append([]byte{byte(c.Mode)}, c.ID[:]...)
}

// view reads a state of the database.
func (r *Registry) view(read func(*bolt.Tx) error) error { return boltError(r.db.View(read)) }

// update does all of what write does, on the disk, or nothing of it.
func (r *Registry) update(write func(*bolt.Tx) error) error {
	var own error
	err := r.db.Update(func(tx *bolt.Tx) error {
		own = write(tx)
		return own
	})
	if err = boltError(err); err == nil || own != nil || errors.Is(err, ErrClosed) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrFile, err)
}

func boltError(err error) error {
	if errors.Is(err, bolterrors.ErrDatabaseNotOpen) {
		return ErrClosed
	}
	return err
}

// private refuses a file that others may read. Windows has no such bits.
func private(info os.FileInfo) error {
	if mode := info.Mode().Perm(); runtime.GOOS != "windows" && mode&0o077 != 0 {
		return fmt.Errorf("mode %04o lets others read pre-shared keys, want 0600 (chmod 600)", mode)
	}
	return nil
}

// syncFolder makes the name of a new file durable. Windows cannot, and does not need to be asked.
func syncFolder(path string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
