package server

import (
	"testing"
	"time"

	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/handshake/cwt"
)

// A server with an authority has a credential for each current key, and one more when it is due, has
// another name, or the key is another.
func TestStandingRenew(t *testing.T) {
	path := initDir(t, handshake.MLKEM512, handshake.MLKEM768)
	if _, err := InitCA(path, cwt.MLDSA44, "fleet", nil); err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	for _, step := range []struct {
		what string
		name string
		at   time.Duration
		do   func() error
		made int
	}{
		{"at first", "a", 0, nil, 2},
		{"soon behind", "a", time.Minute, nil, 0},
		{"by another name", "b", time.Minute, nil, 2},
		{"two thirds later", "b", 2*time.Hour + time.Minute, nil, 2},
		{"with another key", "b", 2*time.Hour + time.Minute, func() error {
			_, err := RotateKey(path, handshake.MLKEM512, nil)
			return err
		}, 1},
	} {
		if step.do != nil {
			if err := step.do(); err != nil {
				t.Fatal(err)
			}
		}
		st, err := loadStanding(path, &opener{}, now.Add(step.at))
		if err != nil {
			t.Fatal(err)
		}
		made, err := st.renew(path, &opener{}, step.name, 3*time.Hour, now.Add(step.at))
		if err != nil || len(made) != step.made {
			t.Errorf("%s: %d credentials, %v; want %d", step.what, len(made), err, step.made)
		}
		for _, c := range made {
			if c.Subject != step.name || c.Usage != cwt.UsageServer {
				t.Errorf("%s: %+v", step.what, c)
			}
		}
	}
	st, err := loadStanding(path, &opener{}, now.Add(2*time.Hour+time.Minute))
	if err != nil || len(st.identities) != 3 || len(st.tokens) != 2 {
		t.Fatalf("%d identities, %d credentials, %v", len(st.identities), len(st.tokens), err)
	}
	for suite, token := range st.tokens {
		if token.Claims.Key.DeviceID() != keyOf(st.keys.current, suite).Public().DeviceID() {
			t.Errorf("suite %v: the credential is of another key", suite)
		}
	}
	old := st.keys.retiring[0].ServerCredential().KeyID()
	n := 0
	for _, pin := range st.pins {
		if pin == old {
			n++
		}
	}
	if n < 3 { // its pinned form, and credentials from before
		t.Errorf("the retiring key is known by %d names", n)
	}
	if st.stale(now) || !st.stale(now.Add(10*time.Hour)) {
		t.Errorf("until %v", st.until)
	}
}
