package registry

import (
	"bytes"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"sync"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/pqcoap/pqcoap/handshake"
)

var enrolled = time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)

// TestMain lets the test binary be a program that is killed.
func TestMain(m *testing.M) {
	if dir := os.Getenv(killVariable); dir != "" {
		toBeKilled(dir)
	}
	os.Exit(m.Run())
}

func seeded(n uint64) *mathrand.ChaCha8 {
	var seed [32]byte
	seed[0], seed[1] = byte(n), byte(n>>8)
	return mathrand.NewChaCha8(seed)
}

func pskDevice(name string, n uint64) Device {
	psk, err := handshake.GeneratePSK(seeded(n))
	if err != nil {
		panic(err)
	}
	return Device{Name: name, Suite: handshake.MLKEM768, PSK: psk, Enrolled: enrolled}
}

func publicKey(suite handshake.Suite, n uint64) *handshake.PublicKey {
	key, err := handshake.GenerateKey(seeded(n), suite)
	if err != nil {
		panic(err)
	}
	return key.Public()
}

func kemDevice(name string, suite handshake.Suite, n uint64) Device {
	return Device{Name: name, Suite: suite, PublicKey: publicKey(suite, n), Enrolled: enrolled}
}

// open opens the devices of a folder, for the time of the test. The clock stands.
func open(t *testing.T, dir string) *Registry {
	t.Helper()
	r, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	r.now = func() time.Time { return enrolled }
	r.written = enrolled
	r.guesses.start(enrolled)
	t.Cleanup(func() {
		if err := r.Close(); err != nil && !errors.Is(err, ErrClosed) {
			t.Error(err)
		}
	})
	return r
}

func reopen(t *testing.T, r *Registry, dir string) *Registry {
	t.Helper()
	ok(t, r.Close())
	return open(t, dir)
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// wants checks the class of an error.
func wants(t *testing.T, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) || want == nil && err != nil {
		t.Errorf("%s: %v, want %v", what, err, want)
	}
}

// found looks the device up by what it would send.
func found(r *Registry, d Device) bool {
	got, err := r.Lookup(d.Suite, d.Credential())
	return err == nil && equal(got, &d)
}

// equal compares two devices, with their keys.
func equal(a, b *Device) bool {
	x, y := *a, *b
	if (x.PublicKey == nil) != (y.PublicKey == nil) || x.PublicKey != nil && !bytes.Equal(x.PublicKey.Bytes(), y.PublicKey.Bytes()) {
		return false
	}
	x.PublicKey, y.PublicKey = nil, nil
	return reflect.DeepEqual(x, y)
}

func TestEnrollAndLookup(t *testing.T) {
	dir := t.TempDir()
	r := open(t, dir)
	devices := []Device{pskDevice("a:1.b_2-c", 1)}
	for i, suite := range handshake.Suites() {
		d := kemDevice(fmt.Sprintf("kem-%d", suite), suite, uint64(i))
		d.Groups, d.Allow = []string{"meters"}, []string{"GET /time", "POST /telemetry"}
		devices = append(devices, d)
	}
	for _, d := range devices {
		ok(t, r.Enroll(d))
	}
	for _, d := range devices {
		if !found(r, d) {
			t.Errorf("%s is not found as enrolled", d.Name)
		}
	}
	r = reopen(t, r, dir)
	for _, d := range devices {
		got, err := r.Get(d.Name)
		if !found(r, d) || err != nil || !equal(got, &d) {
			t.Errorf("%s is not found as enrolled when opened again: %v", d.Name, err)
		}
	}
	if info, err := os.Stat(filepath.Join(dir, FileName)); err != nil || private(info) != nil {
		t.Errorf("the file is not private: %v", err)
	}
}

func TestLookupRefuses(t *testing.T) {
	r := open(t, t.TempDir())
	psk, kem := pskDevice("p", 1), kemDevice("k", handshake.MLKEM512, 2)
	ok(t, r.Enroll(psk))
	ok(t, r.Enroll(kem))
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

func TestOneOwner(t *testing.T) {
	dir := t.TempDir()
	r := open(t, dir)
	_, err := Open(dir)
	wants(t, "a second owner", err, ErrInUse)
	ok(t, r.Close())
	_, err = r.Lookup(1, handshake.ClientCredential{})
	wants(t, "closed: Lookup", err, ErrClosed)
	wants(t, "closed: Enroll", r.Enroll(pskDevice("a", 1)), ErrClosed)
	wants(t, "the next owner", open(t, dir).Enroll(pskDevice("a", 1)), nil)
}

func TestOpenRefuses(t *testing.T) {
	_, err := Open(filepath.Join(t.TempDir(), "none"))
	wants(t, "no folder", err, ErrFile)
	wants(t, "no folder", err, os.ErrNotExist)

	dir := t.TempDir()
	ok(t, os.WriteFile(filepath.Join(dir, FileName), []byte("x"), 0o600))
	_, err = Open(dir)
	wants(t, "no database", err, ErrFile)

	dir = t.TempDir()
	r := open(t, dir)
	ok(t, r.update(func(tx *bolt.Tx) error { return tx.Bucket(bucketMeta).Put(formatKey, []byte{format + 1}) }))
	ok(t, r.Close())
	_, err = Open(dir)
	wants(t, "a database of tomorrow", err, ErrFile)

	if runtime.GOOS != "windows" {
		dir = t.TempDir()
		ok(t, open(t, dir).Close())
		ok(t, os.Chmod(filepath.Join(dir, FileName), 0o640))
		_, err = Open(dir)
		wants(t, "a file that others may read", err, ErrFile)
	}
}

func TestLookupsWhileEnrolling(t *testing.T) {
	r := open(t, t.TempDir())
	first := pskDevice("first", 99)
	ok(t, r.Enroll(first))
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 200 {
				if !found(r, first) {
					t.Error("not found")
				}
			}
		})
	}
	for i := range 10 {
		ok(t, r.Enroll(pskDevice(fmt.Sprint(i), uint64(i))))
	}
	all.Wait()
}

// writes counts what the database has written.
func writes(r *Registry) int64 {
	stats := r.db.Stats()
	return stats.TxStats.GetWrite()
}
