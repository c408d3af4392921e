package server

import (
	"errors"
	"os"
	"sync"
	"testing"

	"github.com/pqcoap/pqcoap/handshake"
)

func TestRotateKey(t *testing.T) {
	path := initDir(t, handshake.MLKEM512, handshake.MLKEM768)
	before, err := OpenDir(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := FinishRotation(path, handshake.MLKEM512, nil); !errors.Is(err, ErrNotRotating) {
		t.Errorf("finished what was not begun: %v", err)
	}
	fresh, err := RotateKey(path, handshake.MLKEM512, nil)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := loadKeys(path, &opener{})
	if err != nil || len(keys.current) != 2 || len(keys.retiring) != 1 || !sameKey(keys.current[1], fresh) && !sameKey(keys.current[0], fresh) ||
		!sameKey(keys.retiring[0], before.Key(handshake.MLKEM512)) || !sameKey(keyOf(keys.current, handshake.MLKEM768), before.Key(handshake.MLKEM768)) {
		t.Fatalf("%v, %v", keys, err)
	}
	if all := keys.all(); len(all) != 3 || !sameKey(keyOf(all, handshake.MLKEM512), fresh) {
		t.Errorf("the first of a suite is not the new one: %v", all)
	}
	if _, err := RotateKey(path, handshake.MLKEM512, nil); !errors.Is(err, ErrRotating) {
		t.Errorf("a third key: %v", err)
	}
	if _, err := RotateKey(path, handshake.XWing, nil); !errors.Is(err, ErrDir) {
		t.Errorf("no key: %v", err)
	}
	retired, err := FinishRotation(path, handshake.MLKEM512, nil)
	if err != nil || retired.KeyID() != keys.retiring[0].ServerCredential().KeyID() {
		t.Errorf("retired %v, %v", retired, err)
	}
	if keys, err = loadKeys(path, &opener{}); err != nil || len(keys.retiring) != 0 || len(keys.current) != 2 {
		t.Errorf("%v, %v", keys, err)
	}
}

// Who is killed between the two steps of a rotation leaves a folder that has not rotated, and can.
func TestRotationKilled(t *testing.T) {
	path := initDir(t, handshake.MLKEM512)
	key, err := (&opener{}).key(keyFile(path, handshake.MLKEM512), handshake.MLKEM512)
	if err != nil {
		t.Fatal(err)
	}
	if err := writeKey(retiringFile(path, handshake.MLKEM512), key, nil, replaceFile); err != nil {
		t.Fatal(err)
	}
	if keys, err := loadKeys(path, &opener{}); err != nil || len(keys.retiring) != 0 {
		t.Errorf("%v, %v", keys, err)
	}
	if _, err := FinishRotation(path, handshake.MLKEM512, nil); !errors.Is(err, ErrNotRotating) {
		t.Errorf("finished what was not begun: %v", err)
	}
	if _, err := RotateKey(path, handshake.MLKEM512, nil); err != nil {
		t.Error(err)
	}
}

func TestRotateTogether(t *testing.T) {
	path := initDir(t, handshake.MLKEM512)
	var wg sync.WaitGroup
	results := make(chan error, 8)
	for range cap(results) {
		wg.Go(func() {
			_, err := RotateKey(path, handshake.MLKEM512, nil)
			results <- err
		})
	}
	wg.Wait()
	close(results)
	done := 0
	for err := range results {
		if err == nil {
			done++
		} else if !errors.Is(err, ErrRotating) {
			t.Error(err)
		}
	}
	if done != 1 {
		t.Errorf("%d rotations at once", done)
	}
}

func TestLoadKeysRefused(t *testing.T) {
	path := initDir(t, handshake.MLKEM512)
	for _, name := range []string{retiringFile(path, handshake.MLKEM512), keyFile(path, handshake.MLKEM768)} {
		if err := os.WriteFile(name, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := loadKeys(path, &opener{}); !errors.Is(err, ErrDir) {
			t.Errorf("%s: %v", name, err)
		}
		os.Remove(name)
	}
	os.Remove(keyFile(path, handshake.MLKEM512))
	if _, err := loadKeys(path, &opener{}); !errors.Is(err, ErrDir) {
		t.Errorf("no key at all: %v", err)
	}
}
