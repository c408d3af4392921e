package udp

import (
	"encoding/binary"
	"net"
	"net/netip"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Addresses come out of what the system gets as they went in, in their one form.
func TestPeer(t *testing.T) {
	tests := []struct {
		to   string
		v6   bool
		want string // "": cannot be sent there
	}{
		{"192.0.2.1:5688", false, "192.0.2.1:5688"},
		{"192.0.2.1:5688", true, "192.0.2.1:5688"},
		{"[::ffff:192.0.2.1]:1", false, "192.0.2.1:1"},
		{"[2001:db8::1]:65535", true, "[2001:db8::1]:65535"},
		{"[2001:db8::1]:65535", false, ""},
		{"[fe80::1%3]:5688", true, "[fe80::1%3]:5688"},
		{"[fe80::1%lo]:5688", true, "[fe80::1%1]:5688"},
		{"[fe80::1%nowhere]:5688", true, "[fe80::1]:5688"},
	}
	if _, err := net.InterfaceByName("lo"); err != nil {
		t.Skip("interfaces have no names here: ", err) // as where the system is emulated
	}
	for _, test := range tests {
		h := new(half)
		h.init()
		ok := h.setPeer(2, netip.MustParseAddrPort(test.to), test.v6)
		if ok != (test.want != "") {
			t.Errorf("%s: can be sent: %t", test.to, ok)
		}
		if !ok {
			continue
		}
		if got, ok := h.peer(2); !ok || got.String() != test.want {
			t.Errorf("%s: %v, want %s", test.to, got, test.want)
		}
	}
	h := new(half)
	h.init()
	if h.setPeer(0, netip.AddrPort{}, false) || h.setPeer(0, netip.AddrPort{}, true) {
		t.Error("can be sent to nowhere")
	}
	if _, ok := h.peer(1); ok {
		t.Error("has come from nowhere")
	}
}

// A name is as the network has it, whatever the order of bytes of the machine.
func TestName(t *testing.T) {
	h := new(half)
	h.init()
	h.setPeer(0, netip.MustParseAddrPort("192.0.2.1:4660"), false)
	got := unsafe.Slice((*byte)(unsafe.Pointer(&h.names[0])), unix.SizeofSockaddrInet4)
	want := binary.NativeEndian.AppendUint16(nil, unix.AF_INET)
	want = append(want, 0x12, 0x34, 192, 0, 2, 1, 0, 0, 0, 0, 0, 0, 0, 0)
	if string(got) != string(want) || h.headers[0].Hdr.Namelen != uint32(len(want)) {
		t.Errorf("name = %x, want %x", got, want)
	}
}

// What setLocal writes is what local reads, if the families are the same.
func TestControl(t *testing.T) {
	tests := []struct {
		from, to string
		v6       bool
		want     string
	}{
		{"192.0.2.9", "192.0.2.1", false, "192.0.2.9"},
		{"192.0.2.9", "192.0.2.1", true, "192.0.2.9"},
		{"2001:db8::9", "2001:db8::1", true, "2001:db8::9"},
		{"fe80::9%3", "fe80::1%3", true, "fe80::9%3"},
		{"2001:db8::9", "192.0.2.1", true, ""},
		{"192.0.2.9", "2001:db8::1", true, ""},
		{"2001:db8::9", "192.0.2.1", false, ""},
	}
	h := new(half)
	h.init()
	for _, test := range tests {
		h.setLocal(0, netip.MustParseAddr(test.from), netip.MustParseAddr(test.to), test.v6)
		if got := h.local(0); got.IsValid() != (test.want != "") || got.IsValid() && got.String() != test.want {
			t.Errorf("from %s to %s: %v, want %q", test.from, test.to, got, test.want)
		}
	}
	h.setLocal(0, netip.Addr{}, netip.MustParseAddr("192.0.2.1"), false)
	if m := h.headers[0].Hdr; m.Control != nil || m.Controllen != 0 || h.local(0).IsValid() {
		t.Errorf("nothing: %+v", m)
	}
}

// Ancillary data about other things are passed over, and what makes no sense ends the search.
func TestControlOfOthers(t *testing.T) {
	message := func(level, kind int32, data ...byte) []byte {
		b := make([]byte, unix.CmsgSpace(len(data)))
		c := (*unix.Cmsghdr)(unsafe.Pointer(&b[0]))
		c.Level, c.Type = level, kind
		c.SetLen(unix.CmsgLen(len(data)))
		copy(b[unix.CmsgLen(0):], data)
		return b
	}
	other := message(unix.SOL_SOCKET, unix.SO_MARK, 1, 2, 3, 4)
	info := message(unix.IPPROTO_IP, unix.IP_PKTINFO, 0, 0, 0, 1, 192, 0, 2, 9, 192, 0, 2, 255)
	tests := map[string]struct {
		data []byte
		want bool
	}{
		"nothing":        {nil, false},
		"other":          {other, false},
		"behind another": {append(other[:len(other):len(other)], info...), true},
		"before another": {append(info[:len(info):len(info)], other...), true},
		"short":          {message(unix.IPPROTO_IP, unix.IP_PKTINFO, 0, 0, 0, 1, 192, 0, 2), false},
		"of a group":     {message(unix.IPPROTO_IP, unix.IP_PKTINFO, 0, 0, 0, 1, 224, 0, 0, 1, 224, 0, 0, 1), false},
		"unspecified":    {message(unix.IPPROTO_IP, unix.IP_PKTINFO, make([]byte, 12)...), false},
		"length of zero": {make([]byte, 32), false},
	}
	for name, test := range tests {
		h := new(half)
		h.init()
		copy(unsafe.Slice((*byte)(unsafe.Pointer(&h.controls[0])), controlSize), test.data)
		h.headers[0].Hdr.SetControllen(len(test.data))
		if got := h.local(0); got.IsValid() != test.want || test.want && got.String() != "192.0.2.9" {
			t.Errorf("%s: %v", name, got)
		}
	}
	for cut := range len(info) {
		h := new(half)
		h.init()
		copy(unsafe.Slice((*byte)(unsafe.Pointer(&h.controls[0])), controlSize), info)
		h.headers[0].Hdr.SetControllen(cut)
		if got := h.local(0); got.IsValid() && cut < unix.CmsgLen(12) {
			t.Errorf("cut to %d: %v", cut, got)
		}
	}
}
