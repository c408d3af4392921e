package main

import (
	"bytes"
	"encoding/json"
	"image/png"
	"os"
	"strings"
	"testing"

	"rsc.io/qr"

	"github.com/pqcoap/pqcoap/internal/invite"
)

func TestInvite(t *testing.T) {
	both(t, func(t *testing.T) {
		out := line(t, 0, "invite a -server example.com -png a.png -group meters")
		uri := value(out, "uri")
		i, err := invite.Parse(uri)
		if err != nil {
			t.Fatalf("%v:\n%s", err, out)
		}
		if i.Address != "example.com:5688" || i.Suite != 3 || i.Code.Text() != value(out, "code") {
			t.Errorf("%s: %+v", uri, i)
		}
		code, err := qr.Encode(uri, qr.M)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(out, blocks(code, false)) {
			t.Errorf("the QR code is not that of the URI:\n%s", out)
		}
		samePNG(t, "a.png", code)
		for _, l := range strings.Split(out, "\n") {
			if n := len([]rune(l)); n > 120 {
				t.Errorf("%d columns: %s", n, l)
			}
		}

		var asJSON map[string]string
		if err := json.Unmarshal([]byte(line(t, 0, "invite b -json -lifetime 2h")), &asJSON); err != nil {
			t.Fatal(err)
		}
		if i, err := invite.Parse(asJSON["uri"]); err != nil || i.Code.Text() != asJSON["code"] || i.Address != "127.0.0.1:5688" {
			t.Errorf("%v: %v", asJSON, err)
		}
		if out := line(t, 0, "list -state invited"); strings.Count(out, "until ") != 2 {
			t.Errorf("list:\n%s", out)
		}
		if out := line(t, 1, "enroll a"); !strings.Contains(out, "is invited (remove takes that back)") {
			t.Error(out)
		}
		line(t, 0, "remove a")
		line(t, 0, "enroll a")
	})
}

// value is what stands behind a word at the beginning of a line.
func value(out, word string) string {
	for l := range strings.Lines(out) {
		if f := strings.Fields(l); len(f) == 2 && f[0] == word {
			return f[1]
		}
	}
	return ""
}

// samePNG compares the file with the modules of a code: the middle of each.
func samePNG(t *testing.T, name string, code *qr.Code) {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(name); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	picture, err := png.Decode(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	scale := picture.Bounds().Dx() / (code.Size + 2*quiet)
	for y := -quiet; y < code.Size+quiet; y++ {
		for x := -quiet; x < code.Size+quiet; x++ {
			r, _, _, _ := picture.At((x+quiet)*scale+scale/2, (y+quiet)*scale+scale/2).RGBA()
			if (r == 0) != code.Black(x, y) {
				t.Fatalf("module %d, %d: %d", x, y, r)
			}
		}
	}
}

func TestInviteRefused(t *testing.T) {
	newFolder(t, "3")
	if err := os.WriteFile("old.png", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		"invite a -lifetime 1s":          "good for a minute to 30 days",
		"invite a -lifetime 2000h":       "good for a minute to 30 days",
		"invite a -png old.png":          "old.png exists",
		"invite a -png none/a.png":       "none/a.png",
		"invite a -suite 1":              "init -dir home -suite 1",
		"invite a/b":                     "a name has",
		"invite a -allow GET_/x?y":       "queries",
		"invite a -group g -allow wrong": "want methods",
	} {
		if out := line(t, 1, text); !strings.Contains(out, want) {
			t.Errorf("%s: %q, want %q", text, out, want)
		}
	}
	if out := line(t, 2, "invite a -server x/y"); !strings.Contains(out, "want HOST or HOST:PORT") {
		t.Error(out)
	}
	if out := line(t, 0, "list -json"); out != "" {
		t.Errorf("something is left:\n%s", out)
	}
}
