package registry

import (
	"fmt"
	"time"

	"github.com/fxamacker/cbor/v2"

	"github.com/pqcoap/pqcoap/handshake"
)

// recordVersion is the first value of a record. A reader refuses any other.
const recordVersion = 1

// A record is a device as it is kept and as it travels to a command: deterministic CBOR
// (RFC 8949 section 4.2.1), a map with whole numbers as keys. Times are Unix seconds.
type record struct {
	Version   uint            `cbor:"0,keyasint"`
	Name      string          `cbor:"1,keyasint"`
	Suite     handshake.Suite `cbor:"2,keyasint"`
	PublicKey []byte          `cbor:"3,keyasint,omitempty"`
	ID        []byte          `cbor:"4,keyasint,omitempty"` // of the PSK
	PSK       []byte          `cbor:"5,keyasint,omitempty"`
	Groups    []string        `cbor:"6,keyasint,omitempty"`
	Allow     []string        `cbor:"7,keyasint,omitempty"`
	Barred    State           `cbor:"8,keyasint,omitempty"` // Suspended or Revoked; 0: neither
	Origin    Origin          `cbor:"9,keyasint,omitempty"`
	Expires   int64           `cbor:"10,keyasint,omitempty"`
	Enrolled  int64           `cbor:"11,keyasint,omitempty"`
	FirstSeen int64           `cbor:"12,keyasint,omitempty"`
	LastSeen  int64           `cbor:"13,keyasint,omitempty"`
	Enrolling bool            `cbor:"14,keyasint,omitempty"`
	Tokens    []token         `cbor:"15,keyasint,omitempty"` // credentials of an authority
	Redeemed  []byte          `cbor:"16,keyasint,omitempty"` // of an invitation: reference of the key
	Authority [8]byte         `cbor:"17,keyasint,omitzero"`
	ServerKey [8]byte         `cbor:"18,keyasint,omitzero"`
}

// A token is a credential of an authority, by which a device has been let in.
type token struct {
	_       struct{} `cbor:",toarray"`
	ID      []byte
	Expires int64
}

var (
	encoding = must(cbor.CoreDetEncOptions().EncMode())
	decoding = must(cbor.DecOptions{
		DupMapKey:         cbor.DupMapKeyEnforcedAPF,
		IndefLength:       cbor.IndefLengthForbidden,
		TagsMd:            cbor.TagsForbidden,
		ExtraReturnErrors: cbor.ExtraDecErrorUnknownField,
		MaxNestedLevels:   4,
		MaxArrayElements:  MaxAllow,
		MaxMapPairs:       32,
	}.DecMode())
)

func must[T any](mode T, err error) T {
	if err != nil {
		panic(err) // constant options
	}
	return mode
}

func encode(r *record) []byte {
	b, err := encoding.Marshal(r)
	if err != nil {
		panic("registry: " + err.Error()) // a type that CBOR cannot express
	}
	return b
}

func decode(b []byte) (*record, error) {
	r := new(record)
	if err := decoding.Unmarshal(b, r); err != nil {
		return nil, fmt.Errorf("%w: a record that is none", ErrFile)
	}
	if r.Version != recordVersion {
		return nil, fmt.Errorf("%w: a record of version %d: want version %d", ErrFile, r.Version, recordVersion)
	}
	return r, nil
}

// AppendRecord appends the device to b as the registry keeps it, with its secrets.
func (d *Device) AppendRecord(b []byte) []byte {
	return append(b, encode(recordOf(d))...)
}

// ParseRecord is the inverse of AppendRecord. A device of another's hand is checked when it is
// enrolled.
func ParseRecord(b []byte) (*Device, error) {
	r, err := decode(b)
	if err != nil {
		return nil, err
	}
	return r.device()
}

func recordOf(d *Device) *record {
	r := &record{
		Version: recordVersion, Name: d.Name, Suite: d.Suite, Groups: d.Groups, Allow: d.Allow,
		Origin: d.Origin, Expires: seconds(d.Expires), Enrolled: seconds(d.Enrolled),
		FirstSeen: seconds(d.FirstSeen), LastSeen: seconds(d.LastSeen), Enrolling: d.Enrolling,
		Authority: d.Authority, ServerKey: d.ServerKey,
	}
	if d.State == Suspended || d.State == Revoked {
		r.Barred = d.State
	}
	if d.PublicKey != nil {
		r.PublicKey = d.PublicKey.Bytes()
	}
	if d.PSK != nil {
		r.ID, r.PSK = d.PSK.ID[:], d.PSK.Key[:]
	}
	return r
}

// device expands the key, which is what costs.
func (r *record) device() (*Device, error) {
	d := &Device{
		Name: r.Name, Suite: r.Suite, Groups: r.Groups, Allow: r.Allow,
		State: r.state(), Origin: r.Origin, Expires: date(r.Expires), Enrolled: date(r.Enrolled),
		FirstSeen: date(r.FirstSeen), LastSeen: date(r.LastSeen), Enrolling: r.Enrolling,
		Authority: r.Authority, ServerKey: r.ServerKey,
	}
	if r.PSK != nil {
		if len(r.ID) != 16 || len(r.PSK) != 32 {
			return nil, fmt.Errorf("%w: %s: the PSK has another length", ErrFile, shown(r.Name))
		}
		d.PSK = &handshake.PSK{ID: [16]byte(r.ID), Key: handshake.PSKKey(r.PSK)}
	}
	if r.PublicKey != nil {
		key, err := handshake.ParsePublicKey(r.Suite, r.PublicKey)
		if err != nil {
			return nil, fmt.Errorf("%w: %s: the public key is none of suite %d", ErrFile, shown(r.Name), r.Suite)
		}
		d.PublicKey = key
	}
	return d, nil
}

func (r *record) state() State {
	switch {
	case r.Barred != 0:
		return r.Barred
	case r.FirstSeen != 0:
		return Active
	}
	return Enrolled
}

// seconds and date are how times are kept; 0 is none.
func seconds(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.Unix()
}

func date(s int64) time.Time {
	if s == 0 {
		return time.Time{}
	}
	return time.Unix(s, 0).UTC()
}
