package server

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"time"

	"github.com/fxamacker/cbor/v2"

	"github.com/pqcoap/pqcoap/server/filelock"
)

// startsObject is what a folder knows of the servers that ran in it: [1, "starts", count, saved].
type startsObject struct {
	_       struct{} `cbor:",toarray"`
	Version int
	Kind    string
	Count   uint32
	Saved   []byte // SHA-256 of the sessions file that may be loaded, empty where none may
}

const (
	startsFile = "starts.cbor"
	startsLock = "starts.lock"
	startsKind = "starts"
)

// countStart counts one more start of a server in the folder, on the disk before it returns. The
// number is the era of its reset tokens: that of an earlier start must not come again.
func (d *Dir) countStart(now time.Time) (era uint32, err error) {
	err = d.changeStarts(now, func(o *startsObject) error {
		o.Count++
		era = o.Count
		return nil
	})
	return era, err
}

// changeStarts reads the file, has f change what it says, and writes it: one program at a time.
func (d *Dir) changeStarts(now time.Time, f func(*startsObject) error) error {
	lock, err := filelock.Wait(filepath.Join(d.Path, startsLock))
	if err != nil {
		return fmt.Errorf("%w: %w", ErrDir, err)
	}
	defer lock.Close()
	name := filepath.Join(d.Path, startsFile)
	o, err := loadStarts(name, now)
	if err != nil {
		return err
	}
	if err := f(&o); err != nil {
		return err
	}
	b, err := cbor.Marshal(o)
	if err != nil {
		return err
	}
	return replaceFile(name, b)
}

// loadStarts reads the file. One that is lost or spoilt is followed by a count that no server can
// have reached: the minutes since 1970.
func loadStarts(name string, now time.Time) (o startsObject, err error) {
	b, err := readPrivate(name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return o, err
	}
	if err != nil || cbor.Unmarshal(b, &o) != nil || o.Version != 1 || o.Kind != startsKind {
		o = startsObject{Version: 1, Kind: startsKind, Count: uint32(now.Unix() / 60)}
	}
	return o, nil
}
