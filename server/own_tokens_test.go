package server

import (
	"errors"
	"os"
	"testing"
	"time"

	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/handshake/cwt"
	"github.com/pqcoap/pqcoap/server/authority"
)

// An authority that is kept off line gives the server a credential, which serves it until it is
// over; what is not for this server is refused.
func TestInstallToken(t *testing.T) {
	path, offline := initDir(t, handshake.MLKEM512), t.TempDir()
	ca, err := InitCA(offline, cwt.MLDSA44, "fleet", nil)
	if err != nil {
		t.Fatal(err)
	}
	d := openFolder(t, path)
	key, now := d.Key(handshake.MLKEM512).Public(), time.Now()
	issue := func(usage cwt.Usage, at time.Time, key *handshake.PublicKey) []byte {
		t.Helper()
		token, _, err := ca.Issue(at, usage, "gateway", key, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	good := issue(cwt.UsageServer, now, key)
	if _, err := InstallToken(path, good, nil, now); !errors.Is(err, authority.ErrUntrusted) {
		t.Errorf("of an authority that is not trusted: %v", err)
	}
	if err := TrustAuthority(path, ca.Own); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		token []byte
		want  error
	}{
		"a device's":             {issue(cwt.UsageDevice, now, key), cwt.ErrUsage},
		"another server's":       {issue(cwt.UsageServer, now, newDeviceKey(t, handshake.MLKEM512).Public()), ErrCA},
		"of a suite without key": {issue(cwt.UsageServer, now, newDeviceKey(t, handshake.MLKEM768).Public()), cwt.ErrSuite},
		"expired":                {issue(cwt.UsageServer, now.Add(-2*time.Hour), key), cwt.ErrExpired},
		"none":                   {[]byte("x"), cwt.ErrMalformed},
	} {
		if _, err := InstallToken(path, test.token, nil, now); !errors.Is(err, test.want) || !errors.Is(err, ErrCA) {
			t.Errorf("%s: %v, want %v", name, err, test.want)
		}
	}
	claims, err := InstallToken(path, good, nil, now)
	if err != nil || claims.Subject != "gateway" {
		t.Fatal(err)
	}
	for at, want := range map[time.Duration]int{0: 2, time.Hour + authority.Skew: 1} {
		st, err := loadStanding(path, &opener{}, now.Add(at))
		if err != nil || len(st.pins) != want || len(st.identities) != 1 {
			t.Errorf("after %v: known by %d names, %v", at, len(st.pins), err)
		}
		if _, ok := st.tokens[handshake.MLKEM512]; ok != (want == 2) {
			t.Errorf("after %v: vouched for: %v", at, ok)
		}
	}
	if err := os.WriteFile(tokensFile(path, handshake.MLKEM512), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenDir(path); !errors.Is(err, ErrDir) {
		t.Errorf("a file that is none: %v", err)
	}
}
