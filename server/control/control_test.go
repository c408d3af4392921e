package control

import (
	"errors"
	"fmt"
	"iter"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/server/registry"
)

// Variables of a process of its own, which enrolls a device, or serves until it is killed.
const (
	enrollVariable = "PQCOAP_TEST_ENROLL"
	serveVariable  = "PQCOAP_TEST_SERVE"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(serveVariable); dir != "" {
		serveUntilKilled(dir)
	}
	if name := os.Getenv(enrollVariable); name != "" {
		devices, err := Open(os.Getenv(enrollVariable + "_DIR"))
		if err == nil {
			err = errors.Join(devices.Enroll(device(name)), devices.Close())
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func serveUntilKilled(dir string) {
	devices, err := Own(dir)
	if err != nil {
		os.Exit(1)
	}
	l, err := Listen(dir, devices)
	if err != nil {
		os.Exit(1)
	}
	os.Stdout.WriteString("x")
	l.Serve()
}

func device(name string) registry.Device {
	var psk handshake.PSK
	copy(psk.ID[:], name)
	copy(psk.Key[:], name)
	return registry.Device{
		Name: name, Suite: handshake.MLKEM768, PSK: &psk, Enrolled: time.Unix(1e9, 0).UTC(),
	}
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wants(t *testing.T, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) || want == nil && err != nil {
		t.Errorf("%s: %v, want %v", what, err, want)
	}
}

// serve owns the devices of a folder and takes commands, until end is called.
func serve(t *testing.T, dir string) (devices *registry.Registry, end func()) {
	t.Helper()
	devices, err := Own(dir)
	ok(t, err)
	l, err := Listen(dir, devices)
	ok(t, err)
	var serving sync.WaitGroup
	serving.Go(l.Serve)
	end = sync.OnceFunc(func() {
		ok(t, errors.Join(l.Close(), devices.Close()))
		serving.Wait()
	})
	t.Cleanup(end)
	return devices, end
}

func opened(t *testing.T, dir string) Devices {
	t.Helper()
	d, err := Open(dir)
	ok(t, err)
	t.Cleanup(func() { d.Close() })
	return d
}

func all(t *testing.T, devices Devices) (names []string) {
	t.Helper()
	for d, err := range devices.All() {
		ok(t, err)
		names = append(names, d.Name)
	}
	return names
}

// Everything does the same in this process and through a server.
func TestBothWays(t *testing.T) {
	for _, remote := range []bool{false, true} {
		t.Run(fmt.Sprint("remote ", remote), func(t *testing.T) {
			dir := t.TempDir()
			if remote {
				serve(t, dir)
			}
			d := opened(t, dir)
			if _, is := d.(*client); is != remote {
				t.Fatalf("%T", d)
			}
			everything(t, d)
		})
	}
}

func everything(t *testing.T, d Devices) {
	first := device("first")
	first.Groups, first.Allow = []string{"g"}, []string{"GET /x"}
	ok(t, d.Enroll(first))
	wants(t, "enroll again", d.Enroll(first), registry.ErrTaken)
	wants(t, "enroll nobody", d.Enroll(device("")), registry.ErrInvalid)
	state := func(want registry.State) {
		t.Helper()
		if got, err := d.Get("first"); err != nil || got.State != want || *got.PSK != *first.PSK {
			t.Errorf("%+v, %v, want %v", got, err, want)
		}
	}
	state(registry.Enrolled)
	ok(t, d.Suspend("first"))
	state(registry.Suspended)
	ok(t, d.Resume("first"))
	state(registry.Enrolled)
	ok(t, d.Permit("first", []string{"h"}, nil))
	if got, err := d.Get("first"); err != nil || got.Groups[0] != "h" || got.Allow != nil {
		t.Errorf("%+v, %v", got, err)
	}
	ok(t, d.Revoke("first"))
	wants(t, "resume a revoked one", d.Resume("first"), registry.ErrRevoked)
	ok(t, d.Bar("barred"))
	ok(t, d.Remove("first"))
	_, err := d.Get("first")
	wants(t, "removed", err, registry.ErrUnknown)

	code, err := d.Invite(registry.Invitation{Name: "guest", Suite: handshake.XWing, Groups: []string{"g"}, Lifetime: time.Hour})
	ok(t, err)
	got, err := d.Get("guest")
	if err != nil || !got.Enrolling || *got.PSK != *code.PSK() || got.Groups[0] != "g" || time.Until(got.Expires) > time.Hour {
		t.Errorf("%+v, %v", got, err)
	}

	var many []registry.Device
	for i := range 1000 {
		many = append(many, device(fmt.Sprintf("many-%04d", i)))
	}
	err = d.Import(sequence(nil, append(many[:500:500], device("guest"))...))
	var of *registry.ImportError
	if !errors.As(err, &of) || of.Index != 500 || !errors.Is(err, registry.ErrTaken) {
		t.Errorf("an import that fails: %v", err)
	}
	stop := errors.New("stop")
	wants(t, "an import that its caller ends", d.Import(sequence(stop, many...)), stop)
	if names := all(t, d); strings.Join(names, " ") != "barred guest" {
		t.Errorf("something was imported: %q", names)
	}
	ok(t, d.Import(sequence(nil, many...)))
	ok(t, d.Import(sequence(nil)))
	if names := all(t, d); len(names) != 1002 || names[1] != "many-0000" || names[1001] != "guest" {
		t.Errorf("%d devices", len(names))
	}
	for range d.All() {
		break
	}
	ok(t, d.Remove("many-0999"))
}

func sequence(err error, devices ...registry.Device) iter.Seq2[*registry.Device, error] {
	return func(yield func(*registry.Device, error) bool) {
		for _, d := range devices {
			if !yield(&d, nil) {
				return
			}
		}
		if err != nil {
			yield(nil, err)
		}
	}
}

// A folder with a path that is longer than that of a socket can be.
func TestLongPath(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("SKIPPED: only Linux reaches a file through an open one")
	}
	dir := filepath.Join(t.TempDir(), strings.Repeat("x", 200))
	ok(t, os.Mkdir(dir, 0o700))
	_, end := serve(t, dir)
	d := opened(t, dir)
	if _, is := d.(*client); !is {
		t.Errorf("%T", d)
	}
	ok(t, d.Enroll(device("a")))
	end()
	if _, err := os.Lstat(filepath.Join(dir, SocketName)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket is left: %v", err)
	}
}

// Commands at once wait for each other, with a server or without.
func TestProcessesAtOnce(t *testing.T) {
	for _, remote := range []bool{false, true} {
		dir := t.TempDir()
		if remote {
			serve(t, dir)
		}
		var at sync.WaitGroup
		for i := range 10 {
			at.Go(func() {
				c := exec.Command(os.Args[0])
				c.Env = append(os.Environ(), fmt.Sprintf("%s=device-%d", enrollVariable, i), enrollVariable+"_DIR="+dir)
				if out, err := c.CombinedOutput(); err != nil {
					t.Errorf("%v: %s", err, out)
				}
			})
		}
		at.Wait()
		if names := all(t, opened(t, dir)); len(names) != 10 {
			t.Errorf("%d of 10 devices, remote %v", len(names), remote)
		}
	}
}

// A server refuses to run where one runs; where one was killed, the next takes its place.
func TestOneServer(t *testing.T) {
	dir := t.TempDir()
	c := exec.Command(os.Args[0])
	c.Env = append(os.Environ(), serveVariable+"="+dir)
	out, err := c.StdoutPipe()
	ok(t, err)
	ok(t, c.Start())
	_, err = out.Read(make([]byte, 1))
	ok(t, err)
	_, err = Own(dir)
	wants(t, "while it runs", err, ErrServed)
	info, err := os.Stat(filepath.Join(dir, SocketName))
	if err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("the socket: %v, %v", info.Mode(), err)
	}
	ok(t, opened(t, dir).Enroll(device("a")))
	c.Process.Kill()
	c.Wait()
	if _, err := os.Stat(filepath.Join(dir, SocketName)); err != nil {
		t.Errorf("the socket is gone by itself: %v", err)
	}
	d := opened(t, dir) // nobody serves
	if names := all(t, d); len(names) != 1 {
		t.Errorf("devices: %q", names)
	}
	ok(t, d.Close())
	serve(t, dir)
	if d := opened(t, dir); len(all(t, d)) != 1 {
		t.Error("the next server has other devices")
	}
}

// Who owns the devices and takes no commands is waited for, for some time.
func TestOwnedWithoutCommands(t *testing.T) {
	dir := t.TempDir()
	owner, err := registry.Open(dir)
	ok(t, err)
	_, err = open(dir, openStep)
	wants(t, "a command", err, registry.ErrInUse)
	_, err = own(dir, openStep)
	wants(t, "a server", err, registry.ErrInUse)
	var wait sync.WaitGroup
	wait.Go(func() {
		d, err := Open(dir)
		if err == nil {
			err = errors.Join(d.Enroll(device("a")), d.Close())
		}
		if err != nil {
			t.Error(err)
		}
	})
	ok(t, owner.Close())
	wait.Wait()
}

func TestNoFolder(t *testing.T) {
	_, err := Open(filepath.Join(t.TempDir(), "none"))
	wants(t, "no folder", err, os.ErrNotExist)
}
