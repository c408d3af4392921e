package registry

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/pqcoap/pqcoap/handshake"
)

func TestAll(t *testing.T) {
	r := open(t, t.TempDir())
	var devices []Device
	for i := range 2*pageSize + 10 {
		devices = append(devices, pskDevice(fmt.Sprintf("%04d", i), uint64(i)))
	}
	ok(t, r.Import(from(nil, devices...)))
	for _, name := range []string{"x", "a"} {
		_, err := r.Invite(invitation(name))
		ok(t, err)
	}
	var names []string
	for d, err := range r.All() {
		ok(t, err)
		if n := len(names); n < len(devices) && !equal(d, &devices[n]) {
			t.Fatalf("device %d: %+v", n, d)
		}
		if len(names) == pageSize { // one that is gone does not stop who reads
			ok(t, r.Remove(devices[pageSize+1].Name))
			devices = append(devices[:pageSize+1], devices[pageSize+1:]...)
		}
		names = append(names, d.Name)
	}
	if n := len(devices); len(names) != n+2 || names[n] != "a" || names[n+1] != "x" {
		t.Errorf("%d names, the last %q", len(names), names[len(names)-2:])
	}
	for range r.All() {
		break // and may stop
	}
	ok(t, r.Close())
	for _, err := range r.All() {
		wants(t, "closed", err, ErrClosed)
	}
}

// BenchmarkLookup measures a fleet of a hundred thousand devices with X-Wing keys: the memory that
// it takes, and a look-up.
func BenchmarkLookup(b *testing.B) {
	const fleet = 100000
	dir := b.TempDir()
	r, err := Open(dir)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { r.Close() }()
	key := publicKey(handshake.XWing, 1)
	raw := key.Bytes()
	references := make([][16]byte, fleet)
	var before, m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	begun := time.Now()
	err = r.Import(func(yield func(*Device, error) bool) {
		for i := range fleet {
			// Another public key of X25519 is another key.
			raw[len(raw)-1], raw[len(raw)-2], raw[len(raw)-3] = byte(i), byte(i>>8), byte(i>>16)
			k, err := handshake.ParsePublicKey(handshake.XWing, raw)
			if err == nil {
				references[i] = k.DeviceID()
			}
			if !yield(&Device{Name: fmt.Sprint("device-", i), Suite: handshake.XWing, PublicKey: k, Enrolled: enrolled}, err) {
				return
			}
		}
	})
	if err != nil {
		b.Fatal(err)
	}
	b.Logf("%d devices imported in %.1f s", fleet, time.Since(begun).Seconds())
	if err := r.Close(); err != nil {
		b.Fatal(err)
	}
	if r, err = Open(dir); err != nil {
		b.Fatal(err)
	}
	runtime.GC()
	runtime.GC() // pages that the database keeps for the next write outlast one
	runtime.ReadMemStats(&m)
	n := 0
	for b.Loop() {
		c := handshake.ClientCredential{Mode: handshake.ModeKEM, ID: references[n*7919%fleet]}
		if _, err := r.Lookup(handshake.XWing, c); err != nil {
			b.Fatal(err)
		}
		n++
	}
	b.ReportMetric((float64(m.HeapAlloc)-float64(before.HeapAlloc))/1e6, "heap-MB")
	b.ReportMetric(float64(r.size())/1e6, "file-MB")
}

// size is that of the database in bytes.
func (r *Registry) size() (n int64) {
	r.db.View(func(tx *bolt.Tx) error { n = tx.Size(); return nil })
	return n
}
