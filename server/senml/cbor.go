package senml

import (
	"errors"
	"math"
	"math/big"
	"strconv"

	"github.com/fxamacker/cbor/v2"
)

// decimalFraction is the tag of a number as exponent and mantissa (RFC 8949 section
// 3.4.4), which RFC 8428 section 6 allows for numbers.
const decimalFraction = 4

// cborDecoding refuses indefinite lengths (which section 6 keeps for streams), duplicate
// labels and numbers that are not finite. The whole is checked before anything is made
// of it, so a stated length allocates nothing. Four levels: pack, record, tag, fraction.
var cborDecoding = must(cbor.DecOptions{
	DupMapKey:        cbor.DupMapKeyEnforcedAPF,
	MaxNestedLevels:  4,
	MaxArrayElements: MaxRecords,
	MaxMapPairs:      maxFields,
	IndefLength:      cbor.IndefLengthForbidden,
	TagsMd:           cbor.TagsAllowed,
	IntDec:           cbor.IntDecConvertNone,
	BignumTag:        cbor.BignumTagForbidden,
	NaN:              cbor.NaNDecodeForbidden,
	Inf:              cbor.InfDecodeForbidden,
}.DecMode())

// must is for options that are constants.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func parseCBOR(b []byte) ([]fields, error) {
	var pack any
	if err := cborDecoding.Unmarshal(b, &pack); err != nil {
		return nil, cborError(err)
	}
	records, ok := pack.([]any)
	switch {
	case !ok:
		return nil, &Error{Err: ErrType}
	case len(records) == 0:
		return nil, &Error{Err: ErrEmpty}
	}
	raw := make([]fields, len(records))
	for i, r := range records {
		f, err := cborRecord(r)
		if err != nil {
			return nil, inRecord(i+1, err)
		}
		raw[i] = f
	}
	return raw, nil
}

// cborError keeps the class of a decoder's error: its text may quote the input.
func cborError(err error) error {
	var array *cbor.MaxArrayElementsError
	var pairs *cbor.MaxMapPairsError
	var nested *cbor.MaxNestedLevelError
	var dup *cbor.DupMapKeyError
	var key *cbor.InvalidMapKeyTypeError
	var float *cbor.UnacceptableDataItemError
	switch {
	case errors.As(err, &array), errors.As(err, &pairs), errors.As(err, &nested):
		return &Error{Err: ErrLimit}
	case errors.As(err, &dup):
		return &Error{Err: ErrDuplicate}
	case errors.As(err, &key):
		return &Error{Err: ErrType}
	case errors.As(err, &float):
		return &Error{Err: ErrRange}
	}
	return &Error{Err: ErrSyntax}
}

func cborRecord(r any) (fields, error) {
	m, ok := r.(map[any]any)
	if !ok {
		return nil, &Error{Err: ErrType}
	}
	f := fields{}
	for k, v := range m {
		l, err := cborLabel(k)
		if err != nil {
			return nil, err
		}
		if l == unknown {
			continue
		}
		if f[l], err = cborValue(l, v); err != nil {
			return nil, err
		}
	}
	return f, nil
}

// cborLabel maps a key. The table of integers is closed; extensions use text, and text
// that spells a field of the table would be a second way to say it.
func cborLabel(k any) (label, error) {
	var l label
	switch k := k.(type) {
	case uint64:
		l = label(min(k, math.MaxInt16))
	case int64:
		l = label(max(k, math.MinInt16))
	case string:
		if known := lookUp(k); known != unknown {
			return unknown, fieldError(known, ErrType)
		}
		if mustUnderstand(k) {
			return unknown, &Error{Err: ErrUnsupported}
		}
		return unknown, nil
	default:
		return unknown, &Error{Err: ErrType}
	}
	if _, ok := labelText[l]; !ok {
		return unknown, nil
	}
	return l, nil
}

// cborValue turns an item into the type that resolve checks for.
func cborValue(l label, v any) (any, error) {
	switch v := v.(type) {
	case string, bool, []byte:
		return v, nil
	case uint64:
		return float64(v), nil
	case int64:
		if l != baseVersion { // an unsigned integer only (section 6)
			return float64(v), nil
		}
	case float64:
		if l != baseVersion {
			return v, nil
		}
	case big.Int: // below -2^63
		if l != baseVersion {
			x, _ := v.Float64()
			return x, nil
		}
	case cbor.Tag:
		if v.Number == decimalFraction && l != baseVersion {
			return fraction(l, v.Content)
		}
	}
	return nil, fieldError(l, ErrType)
}

// fraction computes mantissa times ten to the exponent, correctly rounded.
func fraction(l label, content any) (any, error) {
	a, ok := content.([]any)
	if !ok || len(a) != 2 {
		return nil, fieldError(l, ErrType)
	}
	exponent, ok1 := decimal(a[0])
	mantissa, ok2 := decimal(a[1])
	if !ok1 || !ok2 {
		return nil, fieldError(l, ErrType)
	}
	x, err := strconv.ParseFloat(mantissa+"e"+exponent, 64)
	if err != nil {
		return nil, fieldError(l, ErrRange)
	}
	return x, nil
}

func decimal(v any) (string, bool) {
	switch v := v.(type) {
	case uint64:
		return strconv.FormatUint(v, 10), true
	case int64:
		return strconv.FormatInt(v, 10), true
	}
	return "", false
}
