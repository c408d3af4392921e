package senml

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"strconv"
	"strings"
	"unicode/utf8"
)

// dataEncoding is that of vd (RFC 8428 section 5): URL-safe, no padding, and one
// spelling only for given bytes.
var dataEncoding = base64.RawURLEncoding.Strict()

// parseJSON reads an array of objects. The text is checked whole first, since a
// json.Decoder reading tokens is not strict by itself.
func parseJSON(b []byte) ([]fields, error) {
	if !utf8.Valid(b) || !json.Valid(b) {
		return nil, &Error{Err: ErrSyntax}
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	if next(d) != json.Delim('[') {
		return nil, &Error{Err: ErrType}
	}
	var raw []fields
	for d.More() {
		if len(raw) == MaxRecords {
			return nil, &Error{Err: ErrLimit}
		}
		f, err := jsonRecord(d)
		if err != nil {
			return nil, inRecord(len(raw)+1, err)
		}
		raw = append(raw, f)
	}
	if len(raw) == 0 {
		return nil, &Error{Err: ErrEmpty}
	}
	return raw, nil
}

// next gives the next token of a text known to be valid.
func next(d *json.Decoder) json.Token {
	t, err := d.Token()
	if err != nil {
		return nil
	}
	return t
}

func jsonRecord(d *json.Decoder) (fields, error) {
	if next(d) != json.Delim('{') {
		return nil, &Error{Err: ErrType}
	}
	f := fields{}
	seen := map[string]bool{}
	for d.More() {
		key, _ := next(d).(string)
		switch {
		case seen[key]:
			return nil, fieldError(lookUp(key), ErrDuplicate)
		case len(seen) == maxFields:
			return nil, &Error{Err: ErrLimit}
		}
		seen[key] = true
		if err := jsonField(d, f, key); err != nil {
			return nil, err
		}
	}
	next(d)
	return f, nil
}

func jsonField(d *json.Decoder, f fields, key string) (err error) {
	l := lookUp(key)
	switch {
	case l != unknown:
		f[l], err = jsonValue(l, next(d))
		return err
	case mustUnderstand(key):
		return &Error{Err: ErrUnsupported}
	}
	var ignored json.RawMessage // of any shape: the field is not ours to judge
	if err := d.Decode(&ignored); err != nil {
		return &Error{Err: ErrSyntax}
	}
	return nil
}

// jsonValue turns a token into the type that resolve checks for.
func jsonValue(l label, t json.Token) (any, error) {
	switch v := t.(type) {
	case bool:
		return v, nil
	case json.Number:
		return jsonNumber(l, string(v))
	case string:
		if l != dataValue {
			return v, nil
		}
		data, err := dataEncoding.DecodeString(v)
		if err != nil || strings.ContainsAny(v, "\r\n") { // which the decoder ignores
			return nil, fieldError(l, ErrCharacter)
		}
		return data, nil
	}
	return nil, fieldError(l, ErrType)
}

// jsonNumber refuses what no double holds, and a capital E (RFC 8428 section 5).
func jsonNumber(l label, s string) (any, error) {
	x, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return nil, fieldError(l, ErrRange)
	}
	if strings.Contains(s, "E") {
		return nil, fieldError(l, ErrCharacter)
	}
	return x, nil
}
