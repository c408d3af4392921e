package server

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/handshake/cwt"
)

func TestCA(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ca") // off line: no server's folder
	if ca, err := OpenCA(path, nil); err != nil || ca.Own != nil || len(ca.Trusted.Trusts()) != 0 {
		t.Errorf("a folder without authorities: %+v, %v", ca, err)
	}
	made, err := InitCA(path, cwt.MLDSA44, "fleet", nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := InitCA(path, cwt.MLDSA44, "fleet", nil); !errors.Is(err, ErrCA) {
		t.Errorf("a second one in its place: %v", err)
	}
	other, err := InitCA(t.TempDir(), cwt.MLDSA65, "other", nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := TrustAuthority(path, other.Own); err != nil {
		t.Fatal(err)
	}
	ca, err := OpenCA(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	list := ca.Trusted.Trusts()
	if len(list) != 2 || list[0] != ca.Own || ca.Own.Key.ID() != made.Own.Key.ID() || list[1].Issuer != "other" || list[1].Key.ID() != other.Own.Key.ID() {
		t.Errorf("%+v", list)
	}
	key, now := newDeviceKey(t, handshake.MLKEM512).Public(), time.Now()
	token, claims, err := ca.Issue(now, cwt.UsageDevice, "a", key, time.Hour)
	if err != nil || claims.Subject != "a" {
		t.Fatal(err)
	}
	if _, by, err := ca.Trusted.Verify(now, token, handshake.MLKEM512); err != nil || by != ca.Own {
		t.Errorf("by %v, %v", by, err)
	}
	if err := DistrustAuthority(path, other.Own.Key.ID()); err != nil {
		t.Fatal(err)
	}
	if err := DistrustAuthority(path, ca.Own.Key.ID()); !errors.Is(err, ErrCA) {
		t.Errorf("the folder's own: %v", err)
	}
	if err := os.Remove(filepath.Join(path, caKeyFile)); err != nil { // the key is kept elsewhere
		t.Fatal(err)
	}
	if ca, err = OpenCA(path, nil); err != nil || ca.Issuer != nil || ca.Own == nil || len(ca.Trusted.Trusts()) != 1 {
		t.Errorf("%+v, %v", ca, err)
	}
	if _, _, err := ca.Issue(now, cwt.UsageDevice, "a", key, time.Hour); !errors.Is(err, ErrCA) {
		t.Errorf("issued without a key: %v", err)
	}
}

func TestCASealed(t *testing.T) {
	path := t.TempDir()
	if _, err := InitCA(path, cwt.MLDSA44, "fleet", []byte("pass")); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenCA(path, nil); !errors.Is(err, ErrSealed) {
		t.Errorf("opened without a passphrase: %v", err)
	}
	asked := 0
	if ca, err := OpenCA(path, answer("pass", &asked)); err != nil || ca.Issuer == nil || asked != 1 {
		t.Errorf("%+v, %v", ca, err)
	}
	if sealed, err := Sealed(path); err != nil || !sealed {
		t.Errorf("sealed: %v, %v", sealed, err)
	}
	if n, err := SetPassphrase(path, answer("pass", &asked), nil); err != nil || n != 1 {
		t.Errorf("opened for good: %d, %v", n, err)
	}
	if ca, err := OpenCA(path, nil); err != nil || ca.Issuer == nil {
		t.Errorf("%+v, %v", ca, err)
	}
}

func TestOpenCARefused(t *testing.T) {
	for name, spoil := range map[string]func(path string) error{
		"no public half": func(path string) error { return os.Remove(filepath.Join(path, caFile)) },
		"another's public half": func(path string) error {
			other, err := InitCA(t.TempDir(), cwt.MLDSA44, "other", nil)
			return errors.Join(err, os.WriteFile(filepath.Join(path, caFile), other.Own.Append(nil), 0o600))
		},
		"no key":          func(path string) error { return os.WriteFile(filepath.Join(path, caKeyFile), []byte("x"), 0o600) },
		"not a Trust":     func(path string) error { return os.WriteFile(filepath.Join(path, caFile), []byte("x"), 0o600) },
		"others may read": func(path string) error { return os.Chmod(filepath.Join(path, caKeyFile), 0o644) },
		"another that is none": func(path string) error {
			return errors.Join(os.Mkdir(filepath.Join(path, caFolder), 0o700), os.WriteFile(filepath.Join(path, caFolder, "a.pub"), []byte("x"), 0o600))
		},
	} {
		path := t.TempDir()
		if _, err := InitCA(path, cwt.MLDSA44, "fleet", nil); err != nil {
			t.Fatal(err)
		}
		if err := spoil(path); err != nil {
			t.Fatal(err)
		}
		if _, err := OpenCA(path, nil); !errors.Is(err, ErrDir) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
