package passphrase

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pqcoap/pqcoap/internal/keyfile"
)

// typed is a terminal at which somebody types these lines.
type typed struct {
	lines   []string
	prompts []string
}

func (k *typed) Ask(prompt string) ([]byte, error) {
	k.prompts = append(k.prompts, prompt)
	if len(k.lines) == 0 {
		return nil, ErrNone
	}
	line := k.lines[0]
	k.lines = k.lines[1:]
	return []byte(line), nil
}

// flags parses a command line at a terminal.
func flags(t *testing.T, keys *typed, args ...string) *Flag {
	t.Helper()
	t.Setenv("CREDENTIALS_DIRECTORY", "")
	f := &Flag{terminal: keys}
	fs := flag.NewFlagSet("", flag.ContinueOnError)
	f.Define(fs)
	f.DefineNew(fs)
	if err := fs.Parse(args); err != nil {
		t.Fatal(err)
	}
	return f
}

// kept are files that must stay open: their numbers are known.
var kept []*os.File

// descriptor is the number of one that gives these lines.
func descriptor(t *testing.T, text string) string {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	kept = append(kept, r)
	if _, err := w.WriteString(text); err != nil {
		t.Fatal(err)
	}
	w.Close()
	return fmt.Sprint(r.Fd())
}

func TestPrompt(t *testing.T) {
	keys := &typed{lines: []string{"old one", "a new one", "a new one", "a new one", "another", "short", "short"}}
	f := flags(t, keys)
	if got, err := f.Ask("of the keys"); string(got) != "old one" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	if got, err := f.New("of the keys"); string(got) != "a new one" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	if got, err := f.New("of the keys"); !errors.Is(err, ErrDiffer) || got != nil {
		t.Errorf("%q, %v", got, err)
	}
	if got, err := f.Init("of the keys"); !errors.Is(err, ErrShort) || got != nil {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := f.Ask("of the keys"); !errors.Is(err, ErrNone) {
		t.Error(err)
	}
	want := "Passphrase of the keys: |New passphrase of the keys: |Once more: |"
	if got := strings.Join(keys.prompts[:3], "|") + "|"; got != want {
		t.Errorf("prompts %q", got)
	}
}

func TestDescriptor(t *testing.T) {
	keys := &typed{}
	fd := descriptor(t, "the old one\r\nthe new one\nthe third")
	f := flags(t, keys, "-passphrase-fd", fd, "-new-passphrase-fd", fd)
	for i, want := range []string{"the old one", "the new one", "the third"} {
		get := f.Ask
		if i == 1 {
			get = f.New
		}
		if got, err := get(""); string(got) != want || err != nil {
			t.Errorf("%q, %v, want %q", got, err, want)
		}
	}
	if _, err := f.Ask(""); !errors.Is(err, io.EOF) {
		t.Errorf("behind the end: %v", err)
	}
	if len(keys.prompts) > 0 {
		t.Errorf("asked %q", keys.prompts)
	}
	f = flags(t, keys, "-passphrase-fd", descriptor(t, "of new keys\n"))
	if got, err := f.Init(""); string(got) != "of new keys" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := flags(t, keys, "-passphrase-fd", "-7").Ask(""); err == nil {
		t.Error("descriptor -7")
	}
}

func TestCredential(t *testing.T) {
	keys := &typed{lines: []string{"typed in"}}
	f := flags(t, keys)
	dir := t.TempDir()
	t.Setenv("CREDENTIALS_DIRECTORY", dir)
	if got, err := f.Ask(""); string(got) != "typed in" || err != nil {
		t.Errorf("without the credential: %q, %v", got, err)
	}
	if err := os.WriteFile(filepath.Join(dir, credential), []byte("of systemd\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, get := range []func(string) ([]byte, error){f.Ask, f.Init} {
		if got, err := get(""); string(got) != "of systemd" || err != nil {
			t.Errorf("%q, %v", got, err)
		}
	}
}

func TestLength(t *testing.T) {
	for n, want := range map[int]error{keyfile.MaxPassphrase: nil, keyfile.MaxPassphrase + 1: ErrLong, 1 << 16: ErrLong} {
		for _, end := range []string{"", "\n", "\r\n"} {
			got, err := readLine(strings.NewReader(strings.Repeat("x", n) + end))
			if !errors.Is(err, want) || err == nil && len(got) != n {
				t.Errorf("%d bytes and %q: %d, %v", n, end, len(got), err)
			}
		}
	}
}
