package registry

import (
	"errors"
	"fmt"
	"testing"

	bolt "go.etcd.io/bbolt"

	"github.com/pqcoap/pqcoap/handshake"
)

// The number of devices is that of the entries, whatever happens to them.
func TestCounts(t *testing.T) {
	dir := t.TempDir()
	r := open(t, dir)
	want := func(devices, invitations int) {
		t.Helper()
		d, i, err := r.Counts()
		entries := 0
		ok(t, r.view(func(tx *bolt.Tx) error {
			entries = tx.Bucket(bucketDevices).Stats().KeyN
			return nil
		}))
		if err != nil || d != devices || i != invitations || d != entries {
			t.Errorf("%d devices, %d invitations, %v: want %d and %d; %d entries", d, i, err, devices, invitations, entries)
		}
	}
	want(0, 0)
	for n := range uint64(5) {
		ok(t, r.Enroll(pskDevice(fmt.Sprint("device-", n), n)))
	}
	if err := r.Enroll(pskDevice("device-1", 9)); !errors.Is(err, ErrTaken) {
		t.Fatal(err)
	}
	code, err := r.Invite(Invitation{Name: "invited", Suite: handshake.MLKEM512})
	ok(t, err)
	_, err = r.Invite(Invitation{Name: "never-comes", Suite: handshake.MLKEM512})
	ok(t, err)
	want(5, 2)
	for range 2 {
		_, err = r.Redeem(code.PSK().ID, publicKey(handshake.MLKEM512, 10), enrolled)
		ok(t, err)
		want(6, 1)
	}
	ok(t, r.Suspend("device-1"))
	ok(t, r.Revoke("device-2"))
	ok(t, r.Permit("device-3", nil, []string{"GET /time"}))
	want(6, 1)
	ok(t, r.Bar("nobody"))
	ok(t, r.Remove("device-1"))
	ok(t, r.Remove("never-comes"))
	want(6, 0)
	undone := errors.New("undone")
	if err := r.update(func(tx *bolt.Tx) error {
		d := pskDevice("undone", 11)
		ok(t, add(tx, &d))
		return undone
	}); !errors.Is(err, undone) {
		t.Fatal(err)
	}
	want(6, 0)
	r = reopen(t, r, dir)
	want(6, 0)
	ok(t, r.update(func(tx *bolt.Tx) error { return tx.Bucket(bucketDevices).SetSequence(0) })) // as before there was a number
	r = reopen(t, r, dir)
	want(6, 0)
	ok(t, r.Close())
	if _, _, err := r.Counts(); !errors.Is(err, ErrClosed) {
		t.Errorf("closed: %v", err)
	}
}
