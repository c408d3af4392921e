package audit

import (
	"fmt"
	"net/netip"
	"os"
	"testing"
	"time"
)

// Refusals that are alike have a line for the first and one for the others, with their count and
// network.
func TestAlike(t *testing.T) {
	l, name := open(t)
	other := netip.MustParseAddrPort("198.51.100.1:1")
	for i := range 100 {
		l.Refused(start.Add(time.Duration(i)*time.Millisecond), netip.AddrPortFrom(peer.Addr(), uint16(i)), Device{}, "not enrolled")
	}
	l.Refused(start, peer, Device{}, "another reason")
	l.Refused(start, other, Device{}, "not enrolled")
	if err := l.Flush(start.Add(window - 1)); err != nil {
		t.Fatal(err)
	}
	if list := lines(t, name); len(list) != 3 {
		t.Fatalf("within the window: %+v", list)
	}
	if err := l.Flush(start.Add(window)); err != nil {
		t.Fatal(err)
	}
	list := lines(t, name)
	if len(list) != 4 || list[3].Count != 99 || list[3].Prefix != "192.0.2.0/24" || list[3].Peer != "" || list[3].Reason != "not enrolled" {
		t.Errorf("%+v", list)
	}
	// The next window begins with a line again.
	l.Refused(start.Add(2*window), peer, Device{}, "not enrolled")
	if err := l.Close(start.Add(2 * window)); err != nil {
		t.Fatal(err)
	}
	if list := lines(t, name); len(list) != 5 || list[4].Peer != peer.String() {
		t.Errorf("%+v", list)
	}
}

// A flood of an hour, from ten thousand networks for a hundred reasons, leaves little on the disk,
// hides no event of another kind, and all of it is counted.
func TestFlood(t *testing.T) {
	l, name := open(t)
	const perSecond, seconds = 1000, 3600
	for s := range seconds {
		now := start.Add(time.Duration(s) * time.Second)
		for i := range perSecond {
			n := s*perSecond + i
			from := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, byte(n % 100), byte(n / 100 % 100), 1}), 5683)
			l.Refused(now, from, Device{}, fmt.Sprint("reason ", n%100))
		}
		if s == seconds/2 {
			l.Admitted(now, peer, device)
		}
		if err := l.Flush(now.Add(window)); err != nil {
			t.Fatal(err)
		}
	}
	var told uint64
	admitted := false
	for _, e := range lines(t, name) {
		switch {
		case e.Event == "admitted":
			admitted = true
		case e.Count > 0:
			told += e.Count
		default:
			told++
		}
	}
	if told != perSecond*seconds || !admitted {
		t.Errorf("%d of %d refusals, admission told: %t", told, perSecond*seconds, admitted)
	}
	info, err := os.Stat(name)
	if err != nil || info.Size() > 2<<20 {
		t.Errorf("%d bytes in an hour, %v", info.Size(), err)
	}
	t.Logf("%d refusals left %d bytes", perSecond*seconds, info.Size())
}

// What is kept of events does not grow, even where nobody flushes.
func TestFloodBounded(t *testing.T) {
	l, _ := open(t)
	for i := range 100000 {
		l.Refused(start.Add(time.Duration(i)*time.Second), netip.AddrPortFrom(netip.AddrFrom4([4]byte{byte(i >> 16), byte(i >> 8), byte(i), 1}), 1), Device{}, fmt.Sprint(i))
	}
	if f := l.flood["refused"]; len(f.counts) > maxAlike || l.pending.Len() > 32<<10 {
		t.Errorf("%d counts, %d bytes", len(f.counts), l.pending.Len())
	}
}

func TestPrefix(t *testing.T) {
	for addr, want := range map[string]string{
		"192.0.2.7:1": "192.0.2.0/24", "[::ffff:192.0.2.7]:1": "192.0.2.0/24", "[2001:db8:1:2::3]:1": "2001:db8:1::/48",
	} {
		if got := prefixOf(netip.MustParseAddrPort(addr)); got.String() != want {
			t.Errorf("%s: %v, want %s", addr, got, want)
		}
	}
	if got := prefixOf(netip.AddrPort{}); got.IsValid() {
		t.Errorf("of nothing: %v", got)
	}
}
