package audit

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pqcoap/pqcoap/handshake"
)

var (
	start  = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	peer   = netip.MustParseAddrPort("192.0.2.7:5683")
	device = Device{Name: "sensor-1", Suite: handshake.MLKEM512,
		Credential: handshake.ClientCredential{Mode: handshake.ModeKEM, ID: [16]byte{0xab, 1}}}
)

func open(t *testing.T) (*Log, string) {
	t.Helper()
	dir := t.TempDir()
	l, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close(start) })
	return l, filepath.Join(dir, FileName)
}

// lines reads the file; each line is one object.
func lines(t *testing.T, name string) (list []event) {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	for line := range bytes.Lines(b) {
		var e event
		d := json.NewDecoder(bytes.NewReader(line))
		d.DisallowUnknownFields()
		if err := d.Decode(&e); err != nil || d.More() {
			t.Fatalf("%v: %s", err, line)
		}
		list = append(list, e)
	}
	return list
}

func TestEvents(t *testing.T) {
	l, name := open(t)
	expires := start.Add(time.Hour)
	l.Admitted(start, peer, device)
	l.Resumed(start, peer, device)
	l.Refused(start, peer, Device{}, "not enrolled")
	l.Overload(start, netip.AddrPort{}, "half-open sessions")
	l.Redeemed(start, peer, device)
	l.Renewed(start, peer, device, expires)
	err := errors.Join(l.Flush(start),
		l.Enrolled(start, device, "operator"), l.Invited(start, "sensor-2", handshake.XWing, expires),
		l.Rotated(start, "server key", []byte{1, 2}), l.Suspended(start, device), l.Reinstated(start, device),
		l.Revoked(start, device), l.Removed(start, device),
		l.Reloaded(start, []string{"echo", "audit"}, nil), l.Reloaded(start, nil, errors.New("line 3: echo")))
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	const of = `"device":"sensor-1","suite":"ML-KEM-512","mode":"kem","id":"ab010000000000000000000000000000"`
	for i, want := range []string{
		`"admitted",` + of + `,"peer":"192.0.2.7:5683"}`,
		`"resumed",` + of + `,"peer":"192.0.2.7:5683"}`,
		`"refused","peer":"192.0.2.7:5683","reason":"not enrolled"}`,
		`"overload","reason":"half-open sessions"}`,
		`"redeemed",` + of + `,"peer":"192.0.2.7:5683"}`,
		`"renewed",` + of + `,"peer":"192.0.2.7:5683","expires":"2026-01-02T04:04:05Z"}`,
		`"enrolled",` + of + `,"origin":"operator"}`,
		`"invited","device":"sensor-2","suite":"X-Wing","expires":"2026-01-02T04:04:05Z"}`,
		`"rotated","id":"0102","key":"server key"}`,
		`"suspended",` + of + `}`, `"reinstated",` + of + `}`, `"revoked",` + of + `}`, `"removed",` + of + `}`,
		`"reloaded","keys":"echo audit"}`, `"reloaded","reason":"line 3: echo"}`,
	} {
		want = `{"time":"2026-01-02T03:04:05.000Z","event":` + want + "\n"
		if got := strings.SplitAfter(string(b), "\n")[i]; got != want {
			t.Errorf("line %d:\n%swant\n%s", i+1, got, want)
		}
	}
	if info, err := os.Stat(name); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}

// Names and reasons that somebody else has chosen stay in their field, in their line, and are
// harmless to a terminal.
func TestInjection(t *testing.T) {
	l, name := open(t)
	for i, text := range []string{
		"a\",\"event\":\"admitted", "a\n{\"event\":\"admitted\"}", "\x1b[2J\x9b31m", "\u202egnissim", "a\x00\x7f\xff\xfe",
		"\u2028\u0085", strings.Repeat("\u00e9", 4000), strings.Repeat("\"", 4000),
	} {
		if err := l.Enrolled(start, Device{Name: text}, text); err != nil {
			t.Fatal(err)
		}
		l.Refused(start, peer, Device{Name: text}, text)
		if err := l.Flush(start); err != nil {
			t.Fatal(err)
		}
		list := lines(t, name)
		if len(list) != 2*(i+1) {
			t.Fatalf("%q: %d lines, want %d", text, len(list), 2*(i+1))
		}
		for _, e := range list[2*i:] {
			if e.Event != "enrolled" && e.Event != "refused" || strings.ContainsFunc(e.Device+e.Reason+e.Origin, func(r rune) bool {
				return r < ' ' || r >= 0x7f && r < 0xa0 || r == '\u202e' || r == '\u2028'
			}) || len(e.Device) > maxText+4 {
				t.Errorf("%q is written as %+v", text, e)
			}
		}
	}
	b, err := os.ReadFile(name)
	if err != nil || bytes.ContainsFunc(b, func(r rune) bool { return r < ' ' && r != '\n' || r >= 0x7f && r < 0xa0 }) {
		t.Errorf("control characters in the file, %v", err)
	}
}

// logrotate moves the file and sends SIGHUP: nothing is lost, and the new file is the one written.
func TestReopen(t *testing.T) {
	l, name := open(t)
	l.Admitted(start, peer, device)
	if err := os.Rename(name, name+".1"); err != nil {
		t.Fatal(err)
	}
	if err := l.Reopen(start); err != nil {
		t.Fatal(err)
	}
	l.Resumed(start, peer, device)
	if err := l.Close(start); err != nil {
		t.Fatal(err)
	}
	before, after := lines(t, name+".1"), lines(t, name)
	if len(before) != 1 || before[0].Event != "admitted" || len(after) != 1 || after[0].Event != "resumed" {
		t.Errorf("before %+v, after %+v", before, after)
	}
	if err := l.Revoked(start, device); !errors.Is(err, ErrFile) {
		t.Errorf("after Close: %v", err)
	}
}

// What could not be written is counted, and said when it can.
func TestLost(t *testing.T) {
	l, name := open(t)
	file := l.file
	var err error
	if l.file, err = os.Open(name); err != nil { // nobody can write to it
		t.Fatal(err)
	}
	if err := l.Revoked(start, device); !errors.Is(err, ErrFile) {
		t.Errorf("error %v", err)
	}
	l.file.Close()
	l.file = file
	if err := l.Removed(start, device); err != nil {
		t.Fatal(err)
	}
	list := lines(t, name)
	if len(list) != 2 || list[0].Event != "removed" || list[1].Event != "lost" || list[1].Count != 1 {
		t.Errorf("%+v", list)
	}
}

func TestNilLog(t *testing.T) {
	var l *Log
	l.Admitted(start, peer, device)
	if err := errors.Join(l.Flush(start), l.Revoked(start, device), l.Reopen(start), l.Close(start)); err != nil {
		t.Error(err)
	}
}

// Two programs and many goroutines write to one file; no line is torn.
func TestAppendTogether(t *testing.T) {
	l, name := open(t)
	other, err := Open(filepath.Dir(name))
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close(start)
	var tasks sync.WaitGroup
	const each = 50
	for _, log := range []*Log{l, other, l, other} {
		tasks.Go(func() {
			for range each {
				if err := log.Revoked(start, device); err != nil {
					t.Error(err)
				}
			}
		})
	}
	tasks.Wait()
	if got := len(lines(t, name)); got != 4*each {
		t.Errorf("%d lines, want %d", got, 4*each)
	}
}

func TestOpenFails(t *testing.T) {
	if _, err := Open(filepath.Join(t.TempDir(), "none")); !errors.Is(err, ErrFile) {
		t.Errorf("error %v", err)
	}
}
