// Package audit writes who was let in, refused, enrolled, revoked and so on to the file audit.log
// of a server's folder: one line of JSON an event, for the operator only.
//
//	log, err := audit.Open(dir)
//	log.Refused(now, peer, audit.Device{Suite: suite}, "not enrolled")
//	log.Flush(now) // a few times a second
//
// What devices bring about is held until Flush and is bounded, so that no flood fills a disk: of
// events that are alike in a second the first has a line, and the others a line together with their
// count; in the long run a kind of event has two lines a second. What the operator does is written
// at once. A crash loses what was not flushed.
//
// Events take names, addresses and reasons, and no type that holds a key. Texts are cleaned of what
// does not print and cut at 200 bytes. A Log is safe for concurrent use, and so is nil, which
// writes nothing.
package audit

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/pqcoap/pqcoap/handshake"
)

// FileName is the file in the server's folder.
const FileName = "audit.log"

// ErrFile is wrapped by every error of a Log.
var ErrFile = errors.New("audit log")

// A Device is what an event says of a device. What is not known is zero.
type Device struct {
	Name       string
	Suite      handshake.Suite
	Credential handshake.ClientCredential
}

// An event is one line.
type event struct {
	Time    string `json:"time"`
	Event   string `json:"event"`
	Device  string `json:"device,omitempty"`
	Suite   string `json:"suite,omitempty"`
	Mode    string `json:"mode,omitempty"`
	ID      string `json:"id,omitempty"` // of the credential
	Peer    string `json:"peer,omitempty"`
	Prefix  string `json:"prefix,omitempty"` // of the peers of several
	Origin  string `json:"origin,omitempty"`
	Key     string `json:"key,omitempty"`
	Keys    string `json:"keys,omitempty"`
	Expires string `json:"expires,omitempty"`
	Reason  string `json:"reason,omitempty"`
	Count   uint64 `json:"count,omitempty"` // more events like it, or lost lines
}

// A Log is the file. Make one with Open.
type Log struct {
	name string

	mu      sync.Mutex
	file    *os.File
	pending bytes.Buffer // lines for the next Flush
	flood   map[string]*flood
	lost    uint64 // lines that could not be written
}

// Open opens the log of a server's folder, and makes it where there is none.
func Open(dir string) (*Log, error) {
	l := &Log{name: filepath.Join(dir, FileName), flood: map[string]*flood{}}
	return l, l.open()
}

func (l *Log) open() (err error) {
	if l.file, err = os.OpenFile(l.name, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600); err != nil {
		return fmt.Errorf("%w: %w", ErrFile, err)
	}
	return nil
}

// Reopen goes on with the file that has the name now: for logrotate, which has moved the other one.
func (l *Log) Reopen(now time.Time) error {
	if l == nil {
		return nil
	}
	err := l.Flush(now)
	l.mu.Lock()
	defer l.mu.Unlock()
	old := l.file
	if e := l.open(); e != nil {
		l.file = old // better than none
		return errors.Join(err, e)
	}
	return errors.Join(err, closeFile(old))
}

// Close writes what is left and syncs the file.
func (l *Log) Close(now time.Time) error {
	if l == nil {
		return nil
	}
	err := l.flush(now, true)
	l.mu.Lock()
	defer l.mu.Unlock()
	file := l.file
	l.file = nil
	if file == nil {
		return err
	}
	return errors.Join(err, file.Sync(), closeFile(file))
}

func closeFile(f *os.File) error {
	if err := f.Close(); err != nil {
		return fmt.Errorf("%w: %w", ErrFile, err)
	}
	return nil
}

// Flush writes what has happened since the last one. It is not synced: that is for the system.
func (l *Log) Flush(now time.Time) error {
	if l == nil {
		return nil
	}
	return l.flush(now, false)
}

func (l *Log) flush(now time.Time, all bool) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for kind, f := range l.flood {
		f.end(now, all, func(e event) { l.append(now, kind, e) })
	}
	return l.write(now)
}

// write writes the pending lines, whole. The caller holds the lock.
func (l *Log) write(now time.Time) error {
	if l.pending.Len() == 0 {
		return nil
	}
	if l.lost > 0 {
		l.append(now, "lost", event{Count: l.lost, Reason: "lines that could not be written"})
	}
	lines := l.pending.Bytes()
	defer l.pending.Reset()
	if l.file == nil {
		return fmt.Errorf("%w: closed", ErrFile)
	}
	if _, err := l.file.Write(lines); err != nil {
		l.lost += uint64(bytes.Count(lines, []byte("\n")))
		return fmt.Errorf("%w: %w", ErrFile, err)
	}
	l.lost = 0
	return nil
}

// append adds a line to those for the next write. The caller holds the lock.
func (l *Log) append(now time.Time, kind string, e event) {
	e.Time, e.Event = now.UTC().Format("2006-01-02T15:04:05.000Z"), kind
	b, err := json.Marshal(e)
	if err != nil {
		panic("audit: " + err.Error()) // texts and numbers only
	}
	l.pending.Write(b)
	l.pending.WriteByte('\n')
}

// now writes an event of the operator's.
func (l *Log) now(now time.Time, kind string, e event) error {
	if l == nil {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.append(now, kind, e)
	return l.write(now)
}

// later holds an event that a device has brought about until Flush, and counts those that come on
// top of others alike.
func (l *Log) later(now time.Time, kind string, peer netip.AddrPort, e event) {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	f := l.flood[kind]
	if f == nil {
		f = newFlood()
		l.flood[kind] = f
	}
	if f.take(now, peer, e) {
		if peer.IsValid() {
			e.Peer = peer.String()
		}
		l.append(now, kind, e)
	}
}

// of is what a line says of a device.
func of(d Device) event {
	e := event{Device: clean(d.Name)}
	if d.Suite != 0 {
		e.Suite = d.Suite.String()
		e.Mode = d.Credential.Mode.String()
	}
	if d.Credential.ID != [16]byte{} {
		e.ID = hex.EncodeToString(d.Credential.ID[:])
	}
	return e
}

// maxText bounds a text of a line, in bytes.
const maxText = 200

// clean leaves what prints, so that no terminal obeys a line, and cuts the rest.
func clean(text string) string {
	text = strings.Map(func(r rune) rune {
		if r == unicode.ReplacementChar || !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, text[:min(len(text), 2*maxText)])
	for i := range text {
		if i > maxText {
			return text[:i]
		}
	}
	return text
}
