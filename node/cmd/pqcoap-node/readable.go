package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
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

// senmlLabels are the names of SenML's integer labels (RFC 8428 table 4), which the decoder
// makes uint64 or, below zero, int64.
var senmlLabels = map[any]string{
	int64(-1): "bver", int64(-2): "bn", int64(-3): "bt", int64(-4): "bu", int64(-5): "bv", int64(-6): "bs",
	uint64(0): "n", uint64(1): "u", uint64(2): "v", uint64(3): "vs", uint64(4): "vb", uint64(5): "s",
	uint64(6): "t", uint64(7): "ut", uint64(8): "vd",
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
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) { // JSON has no such numbers
			return fmt.Sprint(v)
		}
	case cbor.Tag:
		return jsonValue(v.Content, senml)
	}
	return v
}

func jsonKey(k any, senml bool) string {
	if label, ok := senmlLabels[k]; ok && senml {
		return label
	}
	return fmt.Sprint(k)
}
