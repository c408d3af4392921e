package main

import (
	"errors"
	"strings"
	"testing"

	"github.com/plgd-dev/go-coap/v3/message"
	"github.com/plgd-dev/go-coap/v3/message/codes"

	"github.com/pqcoap/pqcoap/coap"
	"github.com/pqcoap/pqcoap/internal/cli"
)

func response(code codes.Code, format int, payload string) coap.Message {
	m := coap.Message{Code: code, Payload: []byte(payload)}
	switch {
	case format > 0:
		m.Options = message.Options{{ID: message.ContentFormat, Value: []byte{byte(format)}}}
	case format == 0:
		m.Options = message.Options{{ID: message.ContentFormat}}
	}
	return m
}

// senmlPack is [{-2: "s/", 0: "t", 1: "Cel", 2: 21.5, 6: 1}].
const senmlPack = "\x81\xa5\x21\x62s/\x00\x61t\x01\x63Cel\x02\xf9\x4d\x60\x06\x01"

func TestShow(t *testing.T) {
	tests := []struct {
		name     string
		answer   coap.Message
		raw, obj string
		err      string // empty: none
	}{
		{"text", response(codes.Content, 0, "21.5"), "21.5",
			`{"code":"2.05","content_format":0,"bytes":4,"payload":"21.5"}`, ""},
		{"links", response(codes.Content, 40, "</time>"), "</time>",
			`{"code":"2.05","content_format":40,"bytes":7,"payload":"\u003c/time\u003e"}`, ""},
		{"JSON", response(codes.Content, 50, `{"a": [1]}`), `{"a": [1]}`,
			`{"code":"2.05","content_format":50,"bytes":10,"payload":{"a":[1]}}`, ""},
		{"not JSON", response(codes.Content, 50, `{`), `{`,
			`{"code":"2.05","content_format":50,"bytes":1,"payload":"{"}`, ""},
		{"bytes", response(codes.Content, 42, "abc"), "abc",
			`{"code":"2.05","content_format":42,"bytes":3,"payload_base64":"YWJj"}`, ""},
		{"not text", response(codes.Content, 0, "\xff"), "\xff",
			`{"code":"2.05","content_format":0,"bytes":1,"payload_base64":"/w=="}`, ""},
		{"SenML", response(codes.Content, 112, senmlPack), senmlPack,
			`{"code":"2.05","content_format":112,"bytes":20,"payload":[{"bn":"s/","n":"t","t":1,"u":"Cel","v":21.5}]}`, ""},
		{"CBOR", response(codes.Content, 60, "\xa2\x01\x02\x61a\xfb\x7f\xf0\x00\x00\x00\x00\x00\x00"), "\xa2\x01\x02\x61a\xfb\x7f\xf0\x00\x00\x00\x00\x00\x00",
			`{"code":"2.05","content_format":60,"bytes":14,"payload":{"1":2,"a":"+Inf"}}`, ""},
		{"not CBOR", response(codes.Content, 60, "\xa2"), "\xa2",
			`{"code":"2.05","content_format":60,"bytes":1,"payload_base64":"og=="}`, ""},
		{"empty", response(codes.Changed, -1, ""), "", `{"code":"2.04","bytes":0}`, ""},
		{"error", response(codes.NotFound, -1, ""), "", `{"code":"4.04","bytes":0}`, "the server answered 4.04 Not Found"},
		{"error with text", response(codes.BadRequest, -1, "why\x1b[2J"), "",
			`{"code":"4.00","bytes":7,"payload":"why\u001b[2J"}`, "the server answered 4.00 Bad Request: why?[2J"},
		{"error with a body", response(codes.ServiceUnavailable, 50, "{}"), "",
			`{"code":"5.03","content_format":50,"bytes":2,"payload":{}}`, "the server answered 5.03 Service Unavailable"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			check(t, tt.answer, false, tt.raw, tt.err)
			check(t, tt.answer, true, tt.obj+"\n", tt.err)
		})
	}
}

func check(t *testing.T, answer coap.Message, asJSON bool, want, wantErr string) {
	t.Helper()
	var out strings.Builder
	err := show(&out, answer, asJSON)
	if out.String() != want {
		t.Errorf("JSON %v: printed %q, want %q", asJSON, out.String(), want)
	}
	var coded *cli.Error
	switch {
	case wantErr == "" && err != nil:
		t.Errorf("error %v", err)
	case wantErr != "" && (!errors.As(err, &coded) || coded.Code != codeAnswer || err.Error() != wantErr):
		t.Errorf("error %v, want %q with code %d", err, wantErr, codeAnswer)
	}
}

func TestPrintableCuts(t *testing.T) {
	long := strings.Repeat("é", maxDiagnostic+1)
	if got, want := printable([]byte(long)), strings.Repeat("é", maxDiagnostic)+"..."; got != want {
		t.Errorf("%d bytes, want %d", len(got), len(want))
	}
}
