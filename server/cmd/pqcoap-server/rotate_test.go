package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pqcoap/pqcoap/handshake"
)

func TestRotateTickets(t *testing.T) {
	dir := newFolder(t, "3")
	file := filepath.Join(dir, "tickets.cbor")
	read := func() (size int, b []byte) {
		t.Helper()
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := handshake.ParseTicketKeys(b); err != nil {
			t.Fatal(err)
		}
		return len(b), b
	}
	one, before := read()
	if code, out, errs := command(t, "rotate-tickets", "-dir", dir); code != 0 || !strings.Contains(out, "in a minute") {
		t.Errorf("code %d, output %q, errors %q", code, out, errs)
	}
	two, after := read()
	if two <= one || !bytes.Contains(after, before[len(before)-32:]) {
		t.Errorf("%d bytes, then %d: the first key is not there beside a second", one, two)
	}
	if code, out, errs := command(t, "rotate-tickets", "-dir", dir, "-forget"); code != 0 || !strings.Contains(out, "gone") {
		t.Errorf("code %d, output %q, errors %q", code, out, errs)
	}
	last, forgotten := read()
	if last != one || bytes.Contains(forgotten, before[len(before)-32:]) || bytes.Contains(forgotten, after[len(after)-32:]) {
		t.Errorf("%d bytes, and an older key is still there", last)
	}
	if code, _, errs := command(t, "rotate-tickets", "-dir", filepath.Join(dir, "none")); code != 1 || !strings.Contains(errs, "init") {
		t.Errorf("no folder: code %d, errors %q", code, errs)
	}
}
