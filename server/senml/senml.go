// Package senml reads and writes Sensor Measurement Lists (RFC 8428) in JSON
// (content format 110) and CBOR (content format 112).
//
// Start with [Parse]: it gives the readings of a pack resolved (section 4.6), that is
// with base fields applied and times made absolute. [Append] writes resolved records.
//
//	records, err := senml.Parse(senml.CBOR, body, time.Now())
//	body, err = senml.Append(nil, senml.JSON, records)
//
// The package does no I/O and reads no clock. A pack is taken whole or refused whole.
// An error names the record and the field and never repeats what was sent.
package senml

import (
	"errors"
	"fmt"
	"time"
)

// Format is a CoAP content format (RFC 8428 section 12.3).
type Format uint16

// The two representations this package knows.
const (
	JSON Format = 110 // application/senml+json
	CBOR Format = 112 // application/senml+cbor
)

// Limits of a pack. The RFC sets none but that of the characters in a name.
const (
	MaxRecords = 1024 // records in a pack, those with base fields only among them
	MaxName    = 256  // bytes of a base name, a name, and of both together
	MaxUnit    = 64   // bytes of a unit
	MaxText    = 8192 // bytes of a string or data value
	maxFields  = 32   // fields of a record, unknown ones among them
)

// Version is the version of SenML that this package understands, and what a pack
// without a version has (RFC 8428 section 4.1).
const Version = 10

// Times (RFC 8428 section 4.5.3).
const (
	absoluteTime = 1 << 28      // seconds; below it a time is relative to now
	latestTime   = 253402300799 // 9999-12-31T23:59:59Z, the last one RFC 3339 can write
)

// Errors by class of failure. All but ErrFormat come inside an [Error].
var (
	ErrFormat      = errors.New("senml: content format is neither 110 nor 112")
	ErrSyntax      = errors.New("not well-formed")
	ErrType        = errors.New("has the wrong type")
	ErrDuplicate   = errors.New("occurs twice")
	ErrEmpty       = errors.New("has no record")
	ErrMissing     = errors.New("is missing")
	ErrConflict    = errors.New("is the second value of the record")
	ErrRange       = errors.New("is out of range")
	ErrLimit       = errors.New("is too large")
	ErrCharacter   = errors.New("has a character that is not allowed")
	ErrVersion     = errors.New("is not a version understood here, or differs within the pack")
	ErrUnsupported = errors.New("must be understood and is not")
)

// An Error says where a pack was refused. Err is one of the sentinel errors.
type Error struct {
	Record int    // counted from 1; 0 where it is the pack as a whole
	Field  string // label of the field; empty where it is the record or pack as a whole
	Err    error
}

func (e *Error) Error() string {
	switch {
	case e.Record == 0:
		return fmt.Sprintf("senml: pack %v", e.Err)
	case e.Field == "":
		return fmt.Sprintf("senml: record %d %v", e.Record, e.Err)
	}
	return fmt.Sprintf("senml: record %d: field %s %v", e.Record, e.Field, e.Err)
}

func (e *Error) Unwrap() error { return e.Err }

// Kind says which value field a record has.
type Kind uint8

// A record has one value, or none where it has a sum (RFC 8428 section 4.2).
const (
	None    Kind = iota
	Number       // v
	Text         // vs
	Boolean      // vb
	Data         // vd
)

// A Record is one resolved reading. Only the value that Kind names is looked at.
type Record struct {
	Name string // base name and name
	Unit string // empty if there is none

	Kind    Kind
	Number  float64
	Text    string
	Boolean bool
	Data    []byte

	HasSum bool
	Sum    float64 // the value integrated over time, in Unit times seconds

	Time          float64 // seconds since 1970, at least 2^28
	HasUpdateTime bool
	UpdateTime    float64 // seconds within which the next reading comes
}

// Parse reads one pack of the format, in the order of the pack. Times relative to now
// are resolved against the time given. A record of base fields only gives no reading.
// The records do not alias b.
func Parse(f Format, b []byte, now time.Time) ([]Record, error) {
	var raw []fields
	var err error
	switch f {
	case JSON:
		raw, err = parseJSON(b)
	case CBOR:
		raw, err = parseCBOR(b)
	default:
		return nil, ErrFormat
	}
	if err != nil {
		return nil, err
	}
	return resolve(raw, now)
}
