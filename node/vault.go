package node

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"github.com/fxamacker/cbor/v2"

	"github.com/pqcoap/pqcoap/handshake"
)

// ErrState says that a state file is not gone by. The device makes a handshake then.
var ErrState = errors.New("state file")

var (
	errNotState = fmt.Errorf("%w: cut, changed, or of another device", ErrState)
	errUsed     = fmt.Errorf("%w: older than what has been used already: is it a copy that was put back?", ErrState)
)

// A kept is what a device goes on from when its program starts again.
type kept struct {
	ticket  *handshake.ResumptionState // nil: none
	session []byte                     // saved when the device went to sleep; nil: none
	server  netip.AddrPort             // of the session
	fullAt  time.Time                  // of the last full handshake; zero: not known
}

// A vault keeps that in the file of Config.State, sealed with AES-256-GCM under a key that HKDF
// makes of the device's private key or PSK and of a random salt. The salt is in a second file,
// beside it and named .used; an anonymous device has nothing else that is secret, so who reads
// both files of one reads its state.
//
// A state has a number. The second file has that of the newest which was used: a session or a
// ticket is used only when a state without it is on the disk, and its number in that file. So a
// state file is good for one use, also where it is copied before and put back after. Not noticed
// are copies of both files that are put back together: a snapshot of the folder, of the disk or of
// a virtual machine. Who restores one removes the state file first, else two sessions may go on
// from one state and use a nonce twice. One Conn at a time belongs to a state file; where there
// are two, one gets the session in it and the other none.
type vault struct {
	handshake.Unprintable
	path   string
	secret []byte
	salt   []byte
	last   uint64 // number of the newest state known
	used   uint64
}

// openVault takes the number of what was used from beside the state file. Where that cannot be
// read a state cannot either, and another begins.
func openVault(path string, secret []byte) (*vault, error) {
	v := &vault{path: path, secret: secret}
	if o, err := v.readUsed(); err == nil {
		v.used, v.last, v.salt = o.Number, o.Number, o.Salt
		return v, nil
	}
	v.salt = make([]byte, saltSize)
	rand.Read(v.salt)
	return v, v.writeUsed(0)
}

func (v *vault) usedPath() string { return v.path + ".used" }

func (v *vault) readUsed() (o usedObject, err error) {
	b, err := readBounded(v.usedPath())
	if err != nil {
		return o, err
	}
	if cbor.Unmarshal(b, &o) != nil || o.Version != vaultVersion || o.Kind != usedKind || len(o.Salt) != saltSize {
		return o, errNotState
	}
	return o, nil
}

func (v *vault) writeUsed(number uint64) error {
	b, err := cbor.Marshal(usedObject{Version: vaultVersion, Kind: usedKind, Number: number, Salt: v.salt})
	if err != nil {
		return err
	}
	return replaceState(v.usedPath(), b)
}

// load reads the state. A session in it has been used up when load returns: it is not on the disk
// any more, and copies of the file are refused. fs.ErrNotExist where there is no state.
func (v *vault) load() (kept, error) {
	v.look()
	k, err := v.read(v.path)
	if err != nil || k.session == nil {
		return k, err
	}
	// Of two programs that have got this far one can rename the file.
	taken := fmt.Sprintf("%s.taken-%s", v.path, rand.Text()[:8])
	v.tidy()
	if err := os.Rename(v.path, taken); err != nil {
		return kept{}, fmt.Errorf("%w: %w", ErrState, err)
	}
	defer os.Remove(taken)
	if k, err = v.read(taken); err != nil {
		return kept{}, err
	}
	rest := k
	rest.session, rest.server = nil, netip.AddrPort{}
	if err := v.use(rest); err != nil {
		return kept{}, err
	}
	return k, nil
}

// tidy removes what programs that were killed have left of states they had taken.
func (v *vault) tidy() {
	left, _ := filepath.Glob(v.path + ".taken-*")
	for _, name := range left {
		os.Remove(name)
	}
}

// use notes that what is in the newest state and not in rest is going to be used. When it returns
// nil no crash brings it back.
func (v *vault) use(rest kept) error {
	v.look()
	number := max(v.last, v.used)
	if err := v.put(rest); err != nil {
		return err
	}
	if err := v.writeUsed(number); err != nil {
		return err
	}
	v.used = number
	return nil
}

// look takes note of what another program with the same file has used.
func (v *vault) look() {
	if o, err := v.readUsed(); err == nil {
		v.used = max(v.used, o.Number)
	}
}

// put replaces the state on the disk.
func (v *vault) put(k kept) error {
	o := stateObject{Version: vaultVersion, Kind: stateKind, Number: max(v.last, v.used) + 1}
	if err := v.seal(&o, k); err != nil {
		return err
	}
	b, err := cbor.Marshal(o)
	if err != nil {
		return err
	}
	if err := replaceState(v.path, b); err != nil {
		return err
	}
	v.last = o.Number
	return nil
}

// read opens a state and refuses one that is not newer than what has been used.
func (v *vault) read(path string) (kept, error) {
	b, err := readBounded(path)
	if err != nil {
		return kept{}, err
	}
	var o stateObject
	if cbor.Unmarshal(b, &o) != nil || o.Version != vaultVersion || o.Kind != stateKind {
		return kept{}, errNotState
	}
	plain, err := v.open(&o)
	switch {
	case err != nil:
		return kept{}, err
	case o.Number <= v.used:
		return kept{}, errUsed
	}
	defer clear(plain)
	v.last = max(v.last, o.Number)
	return parseKept(plain)
}

// absent tells whether there is no state at all, which is nothing to complain of.
func absent(err error) bool { return errors.Is(err, fs.ErrNotExist) }
