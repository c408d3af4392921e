package main

import (
	"errors"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/plgd-dev/go-coap/v3/message"
)

func TestBody(t *testing.T) {
	file := filepath.Join(t.TempDir(), "body")
	if err := os.WriteFile(file, []byte("from a file\xff"), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		args   []string
		want   string
		format message.MediaType
	}{
		{nil, "from stdin", message.TextPlain},
		{[]string{"-f", "-"}, "from stdin", message.TextPlain},
		{[]string{"-d", "text"}, "text", message.TextPlain},
		{[]string{"-d", ""}, "", message.TextPlain},
		{[]string{"-f", file}, "from a file\xff", message.AppOctets},
		{[]string{"-f", file, "-format", "112"}, "from a file\xff", message.AppSenmlCbor},
		{[]string{"-format", "0", "-f", file}, "from a file\xff", message.TextPlain},
	}
	for _, tt := range tests {
		b := parsedBody(t, tt.args...)
		if err := b.read(strings.NewReader("from stdin")); err != nil {
			t.Errorf("%q: %v", tt.args, err)
		}
		if string(b.bytes) != tt.want || b.format != tt.format {
			t.Errorf("%q: %q of format %d, want %q of %d", tt.args, b.bytes, b.format, tt.want, tt.format)
		}
	}
}

func parsedBody(t *testing.T, args ...string) *body {
	t.Helper()
	b := new(body)
	flags := flag.NewFlagSet("", flag.ContinueOnError)
	b.define(flags)
	if err := flags.Parse(args); err != nil {
		t.Fatal(err)
	}
	return b
}

func TestBodyErrors(t *testing.T) {
	if err := parsedBody(t).read(strings.NewReader(strings.Repeat("x", maxBody+1))); err == nil {
		t.Error("a body that is too large was taken")
	}
	if err := parsedBody(t).read(strings.NewReader(strings.Repeat("x", maxBody))); err != nil {
		t.Errorf("the largest body: %v", err)
	}
	missing := filepath.Join(t.TempDir(), "none")
	if err := parsedBody(t, "-f", missing).read(nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file that is not there: %v", err)
	}
}
