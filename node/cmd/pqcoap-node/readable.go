package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/fxamacker/cbor/v2"
	"github.com/plgd-dev/go-coap/v3/message"
)

var errNotText = errors.New("not text")

func isCBOR(f message.MediaType) bool { return f == message.AppCBOR || f == message.AppSenmlCbor }

// readable turns a body into a value that encoding/json can write: the value of JSON and
// CBOR, a string of text.
func readable(f message.MediaType, b []byte) (any, error) {
	switch {
	case isCBOR(f):
		var v any
		if err := cbor.Unmarshal(b, &v); err != nil {
			return nil, err
		}
		return jsonValue(v, f == message.AppSenmlCbor), nil
	case (f == message.AppJSON || f == message.AppSenmlJSON) && json.Valid(b):
		return json.RawMessage(b), nil
	case f != message.AppOctets && utf8.Valid(b):
		return string(b), nil
	}
	return nil, errNotText
}

// senmlLabels are the names of SenML's integer labels (RFC 8428 table 4).
var senmlLabels = map[int64]string{
	-1: "bver", -2: "bn", -3: "bt", -4: "bu", -5: "bv", -6: "bs",
	0: "n", 1: "u", 2: "v", 3: "vs", 4: "vb", 5: "s", 6: "t", 7: "ut", 8: "vd",
}

// jsonValue gives every map text keys, as JSON wants them.
func jsonValue(v any, senml bool) any {
	switch v := v.(type) {
	case []any:
		for i := range v {
			v[i] = jsonValue(v[i], senml)
		}
		return v
	case map[any]any:
		m := make(map[string]any, len(v))
		for k, e := range v {
			m[jsonKey(k, senml)] = jsonValue(e, senml)
		}
		return m
	case cbor.Tag:
		return jsonValue(v.Content, senml)
	}
	return v
}

func jsonKey(k any, senml bool) string {
	n, integer := k.(int64)
	if u, ok := k.(uint64); ok {
		n, integer = int64(u), true
	}
	if label, ok := senmlLabels[n]; ok && senml && integer {
		return label
	}
	return fmt.Sprint(k)
}
