package record

import (
	"bytes"
	"encoding/hex"
	"testing"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// testSecret is a traffic secret of the size the suite wants.
func testSecret(suite CipherSuite, fill byte) []byte {
	h, _, err := suite.algorithms()
	if err != nil {
		panic(err)
	}
	return bytes.Repeat([]byte{fill}, h().Size())
}

func testID(t testing.TB, s string) ConnectionID {
	t.Helper()
	if s == "" {
		return ConnectionID{}
	}
	id, err := NewConnectionID(unhex(t, s))
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// testPair returns both ends of a session: records of the device carry id.
func testPair(t testing.TB, suite CipherSuite, id ConnectionID) (device, server *Conn) {
	t.Helper()
	up, down := testSecret(suite, 1), testSecret(suite, 2)
	device, err := NewConn(Config{Suite: suite, SendSecret: up, ReceiveSecret: down, SendID: id})
	if err != nil {
		t.Fatal(err)
	}
	server, err = NewConn(Config{Suite: suite, SendSecret: down, ReceiveSecret: up, ReceiveID: id})
	if err != nil {
		t.Fatal(err)
	}
	return device, server
}

func mustSeal(t testing.TB, c *Conn, content string) []byte {
	t.Helper()
	b, err := c.Seal(nil, ApplicationData, []byte(content), true)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// receiveState is all that an authentic record changes, and what no other
// record may change. The count of failed attempts is left out: it has to move.
type receiveState struct {
	epochs  [2]uint64
	windows [2]window
	next    uint64
	known   uint64
}

func stateOf(c *Conn) (s receiveState) {
	for i, o := range c.receive {
		if o != nil {
			s.epochs[i], s.windows[i] = o.epoch, o.window
		}
	}
	s.next, s.known = c.send.next, c.send.known
	return s
}
