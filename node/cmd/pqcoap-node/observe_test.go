package main

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/plgd-dev/go-coap/v3/message/codes"

	"github.com/pqcoap/pqcoap/coap"
	"github.com/pqcoap/pqcoap/internal/cli"
)

// A fakeWatch has some states, and then fails or waits.
type fakeWatch struct {
	states []coap.Message
	err    error // nil: wait
}

func (w *fakeWatch) Next(ctx context.Context) (coap.Message, error) {
	switch {
	case len(w.states) > 0:
		m := w.states[0]
		w.states = w.states[1:]
		return m, nil
	case w.err != nil:
		return coap.Message{}, w.err
	}
	<-ctx.Done()
	return coap.Message{}, ctx.Err()
}

func (w *fakeWatch) Cancel() {}

func TestShowStates(t *testing.T) {
	one, two := response(codes.Content, 0, "one"), response(codes.Content, 50, `{"a":2}`)
	gone := response(codes.NotFound, -1, "")
	away := errors.New("away")
	const oneJSON = `{"code":"2.05","content_format":0,"bytes":3,"payload":"one"}` + "\n"
	for _, tt := range []struct {
		name   string
		w      fakeWatch
		n      int
		asJSON bool
		out    string
		code   int
		says   string
	}{
		{"n", fakeWatch{[]coap.Message{one, two, one}, away}, 2, false, "one\n{\"a\":2}\n", 0, ""},
		{"JSON", fakeWatch{[]coap.Message{one, one}, away}, 2, true, oneJSON + oneJSON, 0, ""},
		{"empty", fakeWatch{[]coap.Message{response(codes.Content, -1, ""), one}, away}, 2, false, "\none\n", 0, ""},
		{"error", fakeWatch{[]coap.Message{one, gone}, nil}, 0, false, "one\n", codeAnswer, "4.04"},
		{"ended", fakeWatch{[]coap.Message{one}, coap.ErrObservationEnded}, 0, false, "one\n", cli.CodeFailure, "1 states seen"},
		{"refused", fakeWatch{nil, away}, 1, false, "", codeNoSession, "away"},
	} {
		var out strings.Builder
		err := showStates(t.Context(), &out, &tt.w, tt.n, tt.asJSON)
		if out.String() != tt.out {
			t.Errorf("%s: printed %q, want %q", tt.name, out.String(), tt.out)
		}
		code := 0
		var coded *cli.Error
		switch {
		case errors.As(err, &coded):
			code = coded.Code
		case err != nil:
			code = cli.CodeFailure
		}
		if code != tt.code || err != nil && !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: code %d, %v; want %d and %q", tt.name, code, err, tt.code, tt.says)
		}
	}
}

// A signal ends it well.
func TestShowStatesInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := showStates(ctx, new(strings.Builder), new(fakeWatch), 0, false); err != nil {
		t.Error(err)
	}
}
