package server

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/server/audit"
)

// edit puts a file in the place of server.toml, as an editor does.
func edit(t *testing.T, dir, text string) {
	t.Helper()
	fresh := filepath.Join(dir, "edited")
	if err := errors.Join(os.WriteFile(fresh, []byte(text), 0o600), os.Rename(fresh, filepath.Join(dir, settingsFile))); err != nil {
		t.Fatal(err)
	}
}

// A lockedLog is what a server that runs has logged.
type lockedLog struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lockedLog) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *lockedLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// A change of server.toml is taken within a second, without an effect on sessions; what needs a
// restart is named, and an error in the file changes nothing.
func TestReload(t *testing.T) {
	dir := initDir(t, handshake.MLKEM512)
	onBench(t, func(t *testing.T, w *bench) {
		var log lockedLog
		w.folder(dir, func(c *Config) { c.Log = slog.New(slog.NewTextHandler(&log, nil)) })
		d := w.connect(nil)
		if s := w.server.Settings(); s.Echo != EchoAuto || s.IdleTimeout != 172800 {
			t.Fatalf("%+v", s)
		}
		edit(t, dir, "echo = \"always\"\nidle_timeout = 600\nlisten = \":1\"\nticket_lifetime = 100\n")
		time.Sleep(time.Second)
		s := w.server.Settings()
		if s.Echo != EchoAlways || s.IdleTimeout != 600 || s.TicketLifetime != 100 || s.Listen != ":5688" {
			t.Errorf("%+v", s)
		}
		for _, want := range []string{`changed="[echo idle_timeout ticket_lifetime]"`, "not before a restart", "key=listen"} {
			if !strings.Contains(log.String(), want) {
				t.Errorf("log lacks %s:\n%s", want, &log)
			}
		}
		d.get()
		if got := w.server.Stats(); got.Confirmed != 1 || got.Sessions != 1 {
			t.Errorf("the session has not gone on: %+v", got)
		}

		edit(t, dir, "echo = \"auto\"\nidle_timeout = 0\n")
		time.Sleep(time.Second)
		if got := w.server.Settings(); !reflect.DeepEqual(got, s) || !strings.Contains(log.String(), "level=ERROR") ||
			!strings.Contains(log.String(), "line 2: idle_timeout: want") {
			t.Errorf("a file with an error: %+v\n%s", got, &log)
		}
		time.Sleep(590 * time.Second)
		d.get()
		time.Sleep(601 * time.Second) // the new time, of a session that began before
		if got := w.server.Stats().Sessions; got != 0 {
			t.Errorf("%d sessions behind idle_timeout", got)
		}
		before := w.server.LaneStats().EchoDemanded
		d.close()
		w.connect(nil).close()
		if w.server.LaneStats().EchoDemanded == before {
			t.Error("echo = always is not obeyed")
		}
	})
}

// Half a file, as an editor leaves it for a moment, is not read: it could be one without an error.
func TestReloadWaits(t *testing.T) {
	name := filepath.Join(t.TempDir(), settingsFile)
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("anonymous = false\n")
	w := newWatch(name)
	asked := func(want bool, when string) {
		t.Helper()
		if got := w.changed(); got != want {
			t.Errorf("%s: changed %t", when, got)
		}
	}
	asked(false, "at first")
	write("")
	asked(false, "while it is written")
	write("anonymous = false\necho = \"always\"\n")
	asked(false, "when it has just been written")
	asked(true, "a while later")
	asked(false, "once taken")
	if err := os.Remove(name); err != nil {
		t.Fatal(err)
	}
	asked(false, "while there is none")
}

// anonymous = false ends the sessions of those it is about.
func TestReloadAnonymous(t *testing.T) {
	dir := initDir(t, handshake.MLKEM512)
	edit(t, dir, "anonymous = true\n")
	d := openFolder(t, dir)
	nobody := handshake.ClientCredential{Mode: handshake.ModeNone}
	if _, err := d.authorize(handshake.MLKEM512, nobody); err != nil {
		t.Fatal(err)
	}
	srv, err := New(d.Config(nopHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer srv.Close()
	next := d.Settings
	next.Anonymous = false
	taken, waiting, err := srv.Reload(next)
	if err != nil || !slices.Equal(taken, []string{"anonymous"}) || waiting != nil {
		t.Errorf("taken %q, waiting %q, %v", taken, waiting, err)
	}
	if _, err := d.authorize(handshake.MLKEM512, nobody); !errors.Is(err, errAnonymous) {
		t.Errorf("still let in: %v", err)
	}
	if taken, waiting, err := srv.Reload(next); len(taken)+len(waiting) != 0 || err != nil {
		t.Errorf("the same again: %q, %q, %v", taken, waiting, err)
	}
}

// What a flag has set is not unset by a file that is read again for something else.
func TestReloadKeepsFlags(t *testing.T) {
	dir := initDir(t, handshake.MLKEM512)
	d := openFolder(t, dir)
	d.Settings.Echo = EchoAlways // as by -echo
	srv, err := New(d.Config(nopHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer srv.Close()
	edit(t, dir, "drain_timeout = 1\naudit = false\n")
	if err := srv.ReloadFile(); err != nil {
		t.Fatal(err)
	}
	if s := srv.Settings(); s.Echo != EchoAlways || s.DrainTimeout != 1 || s.Audit {
		t.Errorf("%+v", s)
	}
	edit(t, dir, "resume = false\naudit = true\n")
	if err := srv.ReloadFile(); err != nil {
		t.Fatal(err)
	}
	if s := srv.Settings(); s.Echo != EchoAlways || !s.Resume || s.DrainTimeout != 10 || srv.audit.Load() == nil {
		t.Errorf("%+v", s)
	}
	if err := errors.Join(srv.closeAudit()); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(dir, audit.FileName)); err != nil {
		t.Error(err)
	}
}

func TestReloadWithoutFolder(t *testing.T) {
	onBench(t, func(t *testing.T, w *bench) {
		if _, _, err := w.server.Reload(Settings{}); !errors.Is(err, ErrNoFolder) {
			t.Errorf("error %v", err)
		}
		if err := w.server.ReloadFile(); !errors.Is(err, ErrNoFolder) {
			t.Errorf("error %v", err)
		}
	})
}
