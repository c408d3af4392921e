package authority

import (
	"bytes"
	"crypto/rand"
	"errors"
	"testing"
	"testing/iotest"
	"time"

	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/handshake/cwt"
)

func TestIssue(t *testing.T) {
	ours := issuers()[0]
	token, issued, err := ours.Issue(rand.Reader, start.Add(time.Millisecond), cwt.UsageDevice, "sensor-1", deviceKey(), day)
	if err != nil {
		t.Fatal(err)
	}
	claims, _, err := NewSet(ours.Trust()).Verify(start, token, handshake.MLKEM512)
	if err != nil {
		t.Fatal(err)
	}
	if claims.ID != issued.ID || claims.ID == [16]byte{} || claims.Subject != "sensor-1" || !claims.Issued.Equal(start) ||
		!claims.NotBefore.Equal(start) || !claims.Expires.Equal(start.Add(day)) || claims.Key.DeviceID() != deviceKey().DeviceID() {
		t.Errorf("%+v, issued %+v", claims, issued)
	}
	again, _, err := ours.Issue(rand.Reader, start, cwt.UsageDevice, "sensor-1", deviceKey(), day)
	if err != nil || bytes.Equal(again, token) {
		t.Errorf("two tokens with one ID, %v", err)
	}
}

func TestIssueRefused(t *testing.T) {
	ours := issuers()[0]
	if _, _, err := ours.Issue(rand.Reader, start, cwt.UsageDevice, "", deviceKey(), day); !errors.Is(err, cwt.ErrMisuse) {
		t.Errorf("nobody: %v", err)
	}
	if _, _, err := ours.Issue(rand.Reader, start, cwt.UsageDevice, "a", deviceKey(), -day); !errors.Is(err, cwt.ErrMisuse) {
		t.Errorf("expired: %v", err)
	}
	broken := errors.New("no randomness")
	if _, _, err := ours.Issue(iotest.ErrReader(broken), start, cwt.UsageDevice, "a", deviceKey(), day); !errors.Is(err, broken) {
		t.Errorf("%v", err)
	}
	if _, err := NewIssuer(nil, "a b"); !errors.Is(err, ErrFormat) {
		t.Errorf("name: %v", err)
	}
}
