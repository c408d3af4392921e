package registry

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pqcoap/pqcoap/handshake"
)

var enrolled = time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)

const enrollVariable = "PQCOAP_TEST_ENROLL"

// TestMain lets the test binary be the program that enrolls one device.
func TestMain(m *testing.M) {
	if name := os.Getenv(enrollVariable); name != "" {
		r, err := Open(os.Getenv("PQCOAP_TEST_DIR"))
		if err == nil {
			err = r.Enroll(pskDevice(name, rand.Reader))
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func seeded(n uint64) *mathrand.ChaCha8 {
	var seed [32]byte
	seed[0] = byte(n)
	return mathrand.NewChaCha8(seed)
}

func pskDevice(name string, random interface{ Read([]byte) (int, error) }) Device {
	psk, err := handshake.GeneratePSK(random)
	if err != nil {
		panic(err)
	}
	return Device{Name: name, Suite: handshake.MLKEM768, PSK: psk, Enrolled: enrolled}
}

func kemDevice(name string, suite handshake.Suite, n uint64) Device {
	key, err := handshake.GenerateKey(seeded(n), suite)
	if err != nil {
		panic(err)
	}
	return Device{Name: name, Suite: suite, PublicKey: key.Public(), Enrolled: enrolled}
}

func open(t *testing.T, dir string) *Registry {
	t.Helper()
	r, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// found looks the device up by what it would send.
func found(r *Registry, d Device) bool {
	got, err := r.Lookup(d.Suite, d.Credential())
	if err != nil || got.Name != d.Name || !got.Enrolled.Equal(d.Enrolled) {
		return false
	}
	if d.PSK != nil {
		return got.PSK != nil && got.PublicKey == nil && *got.PSK == *d.PSK
	}
	return got.PSK == nil && bytes.Equal(got.PublicKey.Bytes(), d.PublicKey.Bytes())
}

func TestEnrollAndLookup(t *testing.T) {
	dir := t.TempDir()
	r := open(t, dir)
	devices := []Device{pskDevice("a:1.b_2-c", seeded(1))}
	for i, suite := range []handshake.Suite{handshake.XWing, handshake.MLKEM768, handshake.MLKEM512, handshake.MLKEM1024} {
		devices = append(devices, kemDevice(fmt.Sprintf("kem-%d", suite), suite, uint64(i)))
	}
	for _, d := range devices {
		if err := r.Enroll(d); err != nil {
			t.Fatal(err)
		}
	}
	for _, d := range devices {
		if !found(r, d) || !found(open(t, dir), d) {
			t.Errorf("%s is not found as enrolled", d.Name)
		}
	}
	if info, err := os.Stat(filepath.Join(dir, fileName)); err != nil || private(info) != nil {
		t.Errorf("the file is not private: %v", err)
	}
}

func TestLookupRefuses(t *testing.T) {
	r := open(t, t.TempDir())
	psk, kem := pskDevice("p", seeded(1)), kemDevice("k", handshake.MLKEM512, 2)
	for _, d := range []Device{psk, kem} {
		if err := r.Enroll(d); err != nil {
			t.Fatal(err)
		}
	}
	otherMode := handshake.ClientCredential{Mode: handshake.ModeKEM, ID: psk.PSK.ID}
	for _, c := range []struct {
		what  string
		suite handshake.Suite
		c     handshake.ClientCredential
		err   error
	}{
		{"mode none", handshake.MLKEM768, handshake.ClientCredential{}, ErrUnknown},
		{"an unknown identifier", handshake.MLKEM768, handshake.ClientCredential{Mode: handshake.ModePSK}, ErrUnknown},
		{"the identifier in another mode", handshake.MLKEM768, otherMode, ErrUnknown},
		{"a key in another suite", handshake.MLKEM768, kem.Credential(), ErrSuite},
		{"a PSK in another suite", handshake.XWing, psk.Credential(), ErrSuite},
	} {
		if d, err := r.Lookup(c.suite, c.c); d != nil || !errors.Is(err, c.err) {
			t.Errorf("%s: %v, want %v", c.what, err, c.err)
		}
	}
}

func TestEnrollIsUnique(t *testing.T) {
	dir := t.TempDir()
	r := open(t, dir)
	first := pskDevice("first", seeded(1))
	if err := r.Enroll(first); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(filepath.Join(dir, fileName))
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Enroll(pskDevice("first", seeded(2))); !errors.Is(err, ErrTaken) {
		t.Errorf("same name: %v", err)
	}
	sameID := pskDevice("second", seeded(2))
	sameID.PSK.ID = first.PSK.ID
	if err := r.Enroll(sameID); !errors.Is(err, ErrTaken) {
		t.Errorf("same identifier: %v", err)
	}
	after, err := os.ReadFile(filepath.Join(dir, fileName))
	if err != nil || !bytes.Equal(before, after) {
		t.Errorf("a refused device changed the file: %v", err)
	}
}

func TestEnrollAtOnce(t *testing.T) {
	dir := t.TempDir()
	var all sync.WaitGroup
	var devices []Device
	shared := open(t, dir)
	for i := range 20 {
		d := pskDevice(fmt.Sprintf("device-%d", i), seeded(uint64(i)))
		devices = append(devices, d)
		r := shared
		if i%2 == 0 {
			r = open(t, dir)
		}
		all.Go(func() {
			if err := r.Enroll(d); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	r := open(t, dir)
	for _, d := range devices {
		if !found(r, d) {
			t.Errorf("%s is lost", d.Name)
		}
	}
}

func TestEnrollByProcessesAtOnce(t *testing.T) {
	dir := t.TempDir()
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			c := exec.Command(os.Args[0])
			c.Env = append(os.Environ(), fmt.Sprintf("%s=device-%d", enrollVariable, i), "PQCOAP_TEST_DIR="+dir)
			if out, err := c.CombinedOutput(); err != nil {
				t.Errorf("%v: %s", err, out)
			}
		})
	}
	all.Wait()
	if n := len(open(t, dir).current.Load().devices); n != 20 {
		t.Errorf("%d of 20 devices are in the file", n)
	}
}

func TestRunningServerSeesNewDevices(t *testing.T) {
	dir := t.TempDir()
	server, clock := open(t, dir), enrolled
	server.now = func() time.Time { return clock }
	server.checked = clock
	d := pskDevice("late", seeded(1))
	if err := open(t, dir).Enroll(d); err != nil {
		t.Fatal(err)
	}
	clock = clock.Add(reloadAfter - 1)
	if found(server, d) {
		t.Error("the file is looked at more than once a second")
	}
	clock = clock.Add(1)
	if !found(server, d) {
		t.Error("not seen after a second")
	}
}

func TestFileThatTurnsBadKeepsTheDevices(t *testing.T) {
	dir := t.TempDir()
	server, clock := open(t, dir), enrolled
	server.now = func() time.Time { clock = clock.Add(reloadAfter); return clock }
	server.checked = clock
	d, later := pskDevice("d", seeded(1)), pskDevice("later", seeded(2))
	if err := server.Enroll(d); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, fileName)
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("devices = 1"), 0o600); err != nil {
		t.Fatal(err)
	}
	if !found(server, d) {
		t.Error("a bad file took a device away")
	}
	if err := server.reload(); err != nil {
		t.Errorf("the same bad file is read again: %v", err)
	}
	if err := server.Enroll(later); !errors.Is(err, ErrFile) {
		t.Errorf("enrolled into a bad file: %v", err)
	}
	if err := os.WriteFile(path, good, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := server.Enroll(later); err != nil || !found(server, d) || !found(server, later) {
		t.Errorf("after repair: %v", err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if !found(server, d) {
		t.Error("a file that is gone took a device away")
	}
}

func TestLookupsWhileEnrolling(t *testing.T) {
	r := open(t, t.TempDir())
	var clock atomic.Int64
	r.now = func() time.Time { return enrolled.Add(time.Duration(clock.Add(int64(reloadAfter / 4)))) }
	r.checked = enrolled
	first := pskDevice("first", seeded(99))
	if err := r.Enroll(first); err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 500 {
				if !found(r, first) {
					t.Error("not found")
				}
			}
		})
	}
	for i := range 10 {
		if err := r.Enroll(pskDevice(fmt.Sprint(i), seeded(uint64(i)))); err != nil {
			t.Error(err)
		}
	}
	all.Wait()
}

func TestOpenNoFolder(t *testing.T) {
	if _, err := Open(filepath.Join(t.TempDir(), "none")); !errors.Is(err, ErrFile) || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("error = %v", err)
	}
}
