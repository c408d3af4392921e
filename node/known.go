package node

import (
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/fxamacker/cbor/v2"

	"github.com/pqcoap/pqcoap/handshake"
)

// A known is what a device has learnt about its server, and what an authority has signed for
// either, that outlives the program. It is in a file beside the state file, named .known: unlike a
// state it may be used any number of times, and it is not secret. A file that is there and cannot
// be read is an error, since what it says of the server must not be guessed: what the
// configuration says may be long out of date.
type known struct {
	base   [32]byte                    // of what the configuration trusts, which all else belongs to
	pin    *handshake.ServerCredential // pinned whole; nil: none yet
	former [32]byte                    // fingerprint of the key that pin has followed; zero: none
	server []byte                      // the server's token; nil: none
	token  []byte                      // the device's own, if it has been renewed; nil: that of the configuration
	floor  time.Time                   // it is later than this; zero: nothing is known
}

const (
	knownKind    = "known"
	knownVersion = 1
)

// knownObject is the file.
type knownObject struct {
	_       struct{} `cbor:",toarray"`
	Version int
	Kind    string
	Base    []byte
	Pin     []byte
	Former  []byte
	Server  []byte
	Token   []byte
	Floor   int64 // Unix time; 0: not known
}

// knownPath is the file beside a state file.
func knownPath(state string) string { return state + ".known" }

// readKnown reads the file, which need not be there.
func readKnown(path string) (known, error) {
	b, err := readBounded(path)
	if errors.Is(err, fs.ErrNotExist) {
		return known{}, nil
	}
	var k known
	if err == nil {
		k, err = parseKnown(b)
	}
	if err != nil {
		return known{}, fmt.Errorf("%s cannot be read, and without it this device does not know its server; remove it to "+
			"begin again with what the configuration trusts: %w", path, err)
	}
	return k, nil
}

func parseKnown(b []byte) (k known, err error) {
	var o knownObject
	if cbor.Unmarshal(b, &o) != nil || o.Version != knownVersion || o.Kind != knownKind ||
		len(o.Base) != len(k.base) || len(o.Former) != 0 && len(o.Former) != len(k.former) {
		return k, errNotState
	}
	copy(k.base[:], o.Base)
	copy(k.former[:], o.Former)
	if len(o.Pin) > 0 {
		if k.pin, err = handshake.ParseServerCredential(o.Pin); err != nil {
			return known{}, errNotState
		}
	}
	if len(o.Server) > 0 {
		k.server = o.Server
	}
	if len(o.Token) > 0 {
		k.token = o.Token
	}
	if o.Floor != 0 {
		k.floor = time.Unix(o.Floor, 0)
	}
	return k, nil
}

func (k *known) marshal() ([]byte, error) {
	o := knownObject{Version: knownVersion, Kind: knownKind, Base: k.base[:], Server: k.server, Token: k.token}
	if k.pin != nil {
		o.Pin = k.pin.Bytes()
	}
	if k.former != [32]byte{} {
		o.Former = k.former[:]
	}
	if !k.floor.IsZero() {
		o.Floor = k.floor.Unix()
	}
	return cbor.Marshal(o)
}

// write replaces the file.
func (k *known) write(path string) error {
	b, err := k.marshal()
	if err != nil {
		return err
	}
	return replaceState(path, b)
}
