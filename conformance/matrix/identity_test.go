package matrix

import (
	"bytes"
	"errors"
	"testing"

	"github.com/pqcoap/pqcoap/handshake"
)

func TestIdentities(t *testing.T) {
	made, err := identities()
	if err != nil {
		t.Fatal(err)
	}
	for _, suite := range handshake.Suites() {
		id := made[suite]
		if id.server.Suite() != suite || id.device.Suite() != suite {
			t.Errorf("suite %v: keys of %v and %v", suite, id.server.Suite(), id.device.Suite())
		}
		if bytes.Equal(id.server.Public().Bytes(), id.device.Public().Bytes()) {
			t.Errorf("suite %v: server and device have the same key", suite)
		}
	}
}

func TestAuthorize(t *testing.T) {
	made, err := identities()
	if err != nil {
		t.Fatal(err)
	}
	id := made[handshake.XWing]
	good := handshake.ClientCredential{Mode: handshake.ModeKEM, ID: id.device.Public().DeviceID()}
	if client, err := id.authorize(handshake.XWing, good); err != nil || client.Key == nil {
		t.Errorf("the device is not known: %v", err)
	}
	for _, c := range []handshake.ClientCredential{
		{}, {Mode: handshake.ModeKEM}, {Mode: handshake.ModePSK, ID: good.ID},
	} {
		if _, err := id.authorize(handshake.XWing, c); !errors.Is(err, errNotEnrolled) {
			t.Errorf("%v: error %v", c, err)
		}
	}
}

func TestSource(t *testing.T) {
	read := func(seed, number uint64) string {
		b := make([]byte, 32)
		source(seed, number).Read(b)
		return string(b)
	}
	one, again := read(1, 2), read(1, 2)
	if one != again || one == read(1, 3) || one == read(2, 2) {
		t.Error("the bytes do not follow from the two numbers")
	}
}
