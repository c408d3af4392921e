package senml

import (
	"encoding/json"
	"math"
	"unicode/utf8"

	"github.com/fxamacker/cbor/v2"
)

// wireRecord is a resolved record in either representation (RFC 8428 sections 4.3, 5
// and 6). A nil field is absent; the empty text and false are values.
type wireRecord struct {
	Name       string `json:"n" cbor:"0,keyasint"`
	Unit       string `json:"u,omitempty" cbor:"1,keyasint,omitempty"`
	Value      any    `json:"v,omitempty" cbor:"2,keyasint,omitempty"`
	Text       any    `json:"vs,omitempty" cbor:"3,keyasint,omitempty"`
	Boolean    any    `json:"vb,omitempty" cbor:"4,keyasint,omitempty"`
	Sum        any    `json:"s,omitempty" cbor:"5,keyasint,omitempty"`
	Time       any    `json:"t,omitempty" cbor:"6,keyasint,omitempty"`
	UpdateTime any    `json:"ut,omitempty" cbor:"7,keyasint,omitempty"`
	Data       any    `json:"vd,omitempty" cbor:"8,keyasint,omitempty"`
}

// cborEncoding is deterministic (RFC 8949 section 4.2.1): smallest floats that are exact.
var cborEncoding = must(cbor.CoreDetEncOptions().EncMode())

// Append appends the records to b as one pack of resolved records, in the order given
// (section 4.6 wants that of time). It refuses what [Parse] would refuse.
func Append(b []byte, f Format, records []Record) ([]byte, error) {
	wire, err := toWire(f, records)
	if err != nil {
		return b, err
	}
	var pack []byte
	switch f {
	case JSON:
		pack, err = json.Marshal(wire)
	case CBOR:
		pack, err = cborEncoding.Marshal(wire)
	default:
		return b, ErrFormat
	}
	return append(b, pack...), err
}

func toWire(f Format, records []Record) ([]wireRecord, error) {
	switch {
	case len(records) == 0:
		return nil, &Error{Err: ErrEmpty}
	case len(records) > MaxRecords:
		return nil, &Error{Err: ErrLimit}
	}
	wire := make([]wireRecord, len(records))
	for i := range records {
		if err := records[i].check(); err != nil {
			return nil, inRecord(i+1, err)
		}
		wire[i] = records[i].wire(f)
	}
	return wire, nil
}

func (r *Record) wire(f Format) wireRecord {
	w := wireRecord{Name: r.Name, Unit: r.Unit, Time: number(r.Time)}
	switch r.Kind {
	case Number:
		w.Value = number(r.Number)
	case Text:
		w.Text = r.Text
	case Boolean:
		w.Boolean = r.Boolean
	case Data:
		w.Data = data(f, r.Data)
	}
	if r.HasSum {
		w.Sum = number(r.Sum)
	}
	if r.HasUpdateTime {
		w.UpdateTime = number(r.UpdateTime)
	}
	return w
}

// number prefers an integer where it is exact: it is shorter in CBOR. Negative zero
// stays a float.
func number(x float64) any {
	if x == math.Trunc(x) && math.Abs(x) < 1<<53 && !(x == 0 && math.Signbit(x)) {
		return int64(x)
	}
	return x
}

func data(f Format, b []byte) any {
	if f == JSON {
		return dataEncoding.EncodeToString(b)
	}
	return append([]byte{}, b...) // a nil slice would be written as null
}

// check holds what is written to the rules for what is read.
func (r *Record) check() error {
	switch {
	case r.Name == "":
		return fieldError(name, ErrMissing)
	case len(r.Name) > MaxName:
		return fieldError(name, ErrLimit)
	case !nameAllowed(r.Name):
		return fieldError(name, ErrCharacter)
	case r.Kind > Data || r.Kind == None && !r.HasSum:
		return fieldError(value, ErrMissing)
	case r.Kind == Text && !utf8.ValidString(r.Text):
		return fieldError(textValue, ErrCharacter)
	case r.HasSum && !finite(r.Sum):
		return fieldError(sum, ErrRange)
	case r.HasUpdateTime && !(finite(r.UpdateTime) && r.UpdateTime >= 0):
		return fieldError(updateTime, ErrRange)
	}
	if err := checkUnit(unit, r.Unit); err != nil {
		return err
	}
	if err := r.checkTime(); err != nil {
		return err
	}
	return r.checkValue()
}
