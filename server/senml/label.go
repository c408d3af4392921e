package senml

import "strings"

// label is a field of RFC 8428 section 4.3, numbered as its CBOR label is.
type label int

const (
	baseVersion label = -1
	baseName    label = -2
	baseTime    label = -3
	baseUnit    label = -4
	baseValue   label = -5
	baseSum     label = -6
	name        label = 0
	unit        label = 1
	value       label = 2
	textValue   label = 3
	boolValue   label = 4
	sum         label = 5
	timeLabel   label = 6
	updateTime  label = 7
	dataValue   label = 8

	unknown label = 1 << 16 // none of the table
)

var labelText = map[label]string{
	baseVersion: "bver", baseName: "bn", baseTime: "bt", baseUnit: "bu",
	baseValue: "bv", baseSum: "bs", name: "n", unit: "u", value: "v",
	textValue: "vs", boolValue: "vb", sum: "s", timeLabel: "t", updateTime: "ut",
	dataValue: "vd",
}

var labelOf = func() map[string]label {
	m := make(map[string]label, len(labelText))
	for l, text := range labelText {
		m[text] = l
	}
	return m
}()

// lookUp finds the label that text spells.
func lookUp(text string) label {
	if l, ok := labelOf[text]; ok {
		return l
	}
	return unknown
}

func (l label) String() string { return labelText[l] }

func (l label) base() bool { return l < 0 }

// mustUnderstand says that a label nobody here knows may not be ignored (section 4.4).
func mustUnderstand(text string) bool { return strings.HasSuffix(text, "_") }

// fields are those of one record that this package knows, as float64, string, bool
// or []byte.
type fields map[label]any

// get gives the field as a T. Absent is no error, another type is.
func get[T any](f fields, l label) (v T, ok bool, err error) {
	x, ok := f[l]
	if !ok {
		return v, false, nil
	}
	if v, ok = x.(T); !ok {
		return v, false, fieldError(l, ErrType)
	}
	return v, true, nil
}

// fieldError leaves the record to be filled in by the caller that counts them.
func fieldError(l label, err error) error { return &Error{Field: l.String(), Err: err} }

// inRecord adds the record's place, counted from 1, to an error of its fields.
func inRecord(n int, err error) error {
	if e, ok := err.(*Error); ok {
		e.Record = n
	}
	return err
}
