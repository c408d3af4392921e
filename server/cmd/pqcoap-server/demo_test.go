package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/pqcoap/pqcoap/server"
)

func TestDemo(t *testing.T) {
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	here := t.TempDir()
	t.Chdir(here)
	code, out, errs := command(t, "demo")
	if code != 0 || errs != "" {
		t.Fatalf("code %d, errors %s\n%s", code, errs, out)
	}
	for _, part := range []string{
		"block 0 of m1", "block 0 of m2", "m1            2396 B in 3 datagrams", "session ",
		"20.00 20.25 20.50 20.75 21.00 21.25 21.50 21.75 22.00 22.25 Cel",
		"and 20 B for the record", "and 19 B for the record",
		"record sent again   refused", "flipped bit         refused", "wrong pin           refused",
		"All went as it must",
	} {
		if !strings.Contains(out, part) {
			t.Errorf("lacks %q:\n%s", part, out)
		}
	}
	for _, dir := range []string{temp, here} {
		if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
			t.Errorf("left behind: %v, %v", left, err)
		}
	}
}

// What goes wrong must make the demonstration fail.
func TestDemoNotices(t *testing.T) {
	d := &demo{out: io.Discard}
	folder, err := d.prepare(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	stop, err := d.start(folder, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	if err := d.shakeHands(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := d.readings(t.Context()); err == nil {
		t.Error("readings that nobody has posted")
	}
	d.mu.Lock()
	d.name = "another"
	d.mu.Unlock()
	if err := d.names(d.conn); err == nil {
		t.Error("the server takes the device for another")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := d.counted(ctx, func(server.Stats) bool { return false }); !errors.Is(err, errNotRefused) {
		t.Errorf("an attack that was not refused: %v", err)
	}
	d.relay.restart()
	if err := d.replay(t.Context()); err == nil {
		t.Error("a replay without a record")
	}
	d.relay.close()
	ctx, cancel = context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if err := d.shakeHands(ctx); err == nil {
		t.Error("a handshake through a closed relay")
	}
}
