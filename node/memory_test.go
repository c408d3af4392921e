package node

import (
	"net/netip"
	"testing"
	"time"

	"github.com/pqcoap/pqcoap/coap"
	"github.com/pqcoap/pqcoap/handshake"
)

// A path's size is remembered for a day from when it was found, and no longer.
func TestMemoryPath(t *testing.T) {
	server := netip.MustParseAddrPort("192.0.2.1:5688")
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	var m Memory
	m.notePath(server, start, 528, 1232)
	if got := m.of(server, start); got.path != 0 {
		t.Errorf("a server that was never reached has a path of %d", got.path)
	}
	note := func(at time.Duration, path int) {
		m.note(server, start.Add(at), &handshake.Result{}, coap.RTT{})
		m.notePath(server, start.Add(at), path, 1232)
	}
	check := func(at time.Duration, want int) {
		t.Helper()
		if got := m.of(server, start.Add(at)).path; got != want {
			t.Errorf("after %v: path %d, want %d", at, got, want)
		}
	}
	note(0, 1232)
	check(0, 0)
	note(0, 528)
	note(time.Hour, 528) // a handshake that began with it
	check(pathLife-1, 528)
	check(pathLife, 0)
	note(pathLife, 528) // found again
	check(2*pathLife-1, 528)
	note(pathLife, 80)
	check(pathLife, 80)
	note(pathLife, 1232)
	check(pathLife, 0)
}
