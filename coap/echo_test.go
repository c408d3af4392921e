package coap

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"
)

func TestEchoValue(t *testing.T) {
	keys := testEcho()
	addr := netip.MustParseAddr("192.0.2.1")
	for _, test := range []struct {
		name     string
		make     func([]byte, time.Time, netip.Addr) []byte
		slot     time.Duration
		good, no time.Duration // after the start of the slot
	}{
		{"short", keys.Append, 15 * time.Second, 75*time.Second - 1, 75 * time.Second},
		{"long", keys.AppendLong, time.Hour, 25*time.Hour - 1, 25 * time.Hour},
	} {
		start := testStart.Truncate(test.slot)
		value := test.make([]byte("x"), start, addr)[1:]
		if len(value) != EchoSize || (value[0] >= 0x80) != (test.name == "long") {
			t.Errorf("%s: %x", test.name, value)
		}
		for _, at := range []struct {
			after time.Duration
			want  bool
		}{
			{0, true}, {test.good, true}, {test.no, false}, {128 * test.slot, false}, {-time.Second, false},
			{-test.slot, false}, {-127 * test.slot, false},
		} {
			if got := keys.Verify(start.Add(at.after), addr, value); got != at.want {
				t.Errorf("%s: verified after %v: %v", test.name, at.after, got)
			}
		}
		for i := range 8 * len(value) {
			forged := append([]byte(nil), value...)
			forged[i/8] ^= 1 << (i % 8)
			if keys.Verify(start, addr, forged) {
				t.Errorf("%s: verified with bit %d changed", test.name, i)
			}
		}
		for n := range value {
			if keys.Verify(start, addr, value[:n]) {
				t.Errorf("%s: verified %d bytes", test.name, n)
			}
		}
		if keys.Verify(start, addr, append(value, 0)) {
			t.Errorf("%s: verified with a byte more", test.name)
		}
		if keys.Verify(start, netip.MustParseAddr("192.0.2.2"), value) {
			t.Errorf("%s: verified for another address", test.name)
		}
		if !keys.Verify(start, netip.MustParseAddr("::ffff:192.0.2.1"), value) {
			t.Errorf("%s: not verified for the same address, mapped", test.name)
		}
		other := NewEchoKeys([32]byte{3}, [32]byte{4})
		if other.Verify(start, addr, value) {
			t.Errorf("%s: verified with other secrets", test.name)
		}
	}
}

// TestEchoRestart: values of the long form outlive a restart with another short secret.
func TestEchoRestart(t *testing.T) {
	addr := netip.MustParseAddr("2001:db8::1")
	before, after := NewEchoKeys([32]byte{1}, [32]byte{9}), NewEchoKeys([32]byte{2}, [32]byte{9})
	if !after.Verify(testStart, addr, before.AppendLong(nil, testStart, addr)) {
		t.Error("the long form is not good after a restart")
	}
	if after.Verify(testStart, addr, before.Append(nil, testStart, addr)) {
		t.Error("the short form is good after a restart")
	}
}

// TestEchoEpoch: the clock of a device without one may stand at its zero.
func TestEchoEpoch(t *testing.T) {
	keys, addr := testEcho(), netip.MustParseAddr("192.0.2.1")
	for _, now := range []time.Time{time.Unix(0, 0), {}} {
		if !keys.Verify(now, addr, keys.Append(nil, now, addr)) {
			t.Errorf("not verified at %v", now)
		}
		if keys.Verify(now, addr, make([]byte, EchoSize)) {
			t.Errorf("zeros verified at %v", now)
		}
	}
}

func TestEchoKeysDoNotPrint(t *testing.T) {
	keys := NewEchoKeys([32]byte{0xab}, [32]byte{0xab})
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d"} {
		for _, v := range []any{keys, *keys, struct{ K *EchoKeys }{keys}, []EchoKeys{*keys}} {
			if s := fmt.Sprintf(format, v); strings.Contains(s, "171") || strings.Contains(strings.ToLower(s), "ab,") || strings.Contains(s, "ab00") {
				t.Errorf("%s prints %s", format, s)
			}
		}
	}
}
