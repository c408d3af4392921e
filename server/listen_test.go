package server

import (
	"context"
	"errors"
	"path/filepath"
	"testing"

	"github.com/pqcoap/pqcoap/coap"
	"github.com/pqcoap/pqcoap/handshake"
)

// TestListenAndServeRefuses: what it cannot serve. That it serves is shown in conformance/gocoap,
// by a program.
func TestListenAndServeRefuses(t *testing.T) {
	h := coap.HandlerFunc(func(context.Context, *coap.Request) *coap.Message { return nil })
	dir := filepath.Join(t.TempDir(), "server")
	if err := ListenAndServe("127.0.0.1:0", dir, h); !errors.Is(err, ErrDir) {
		t.Errorf("no folder: %v", err)
	}
	if _, err := InitDir(dir, handshake.MLKEM512); err != nil {
		t.Fatal(err)
	}
	if err := ListenAndServe("127.0.0.1:0", dir, nil); err == nil {
		t.Error("no handler: no error")
	}
	if err := ListenAndServe("nowhere", dir, h); err == nil {
		t.Error("no address: no error")
	}
}
