package udp

import (
	"cmp"
	"net"
	"net/netip"
	"strconv"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A control holds one ancillary message about an address, aligned as one has to be. What the system
// adds beyond the room for it is of no interest.
type control [controlSize / 8]uint64

// controlSize holds an Inet4Pktinfo or an Inet6Pktinfo on any architecture.
const controlSize = 64

// peer is where datagram i has come from.
func (h *half) peer(i int) (netip.AddrPort, bool) {
	name := &h.names[i]
	switch name.Family {
	case unix.AF_INET:
		v4 := (*unix.RawSockaddrInet4)(unsafe.Pointer(name))
		return netip.AddrPortFrom(netip.AddrFrom4(v4.Addr), port(&v4.Port)), true
	case unix.AF_INET6:
		return netip.AddrPortFrom(inet6(name.Addr, name.Scope_id), port(&name.Port)), true
	}
	return netip.AddrPort{}, false
}

// port reads a port, which stands in the order of the network.
func port(p *uint16) uint16 {
	b := (*[2]byte)(unsafe.Pointer(p))
	return uint16(b[0])<<8 | uint16(b[1])
}

func setPort(p *uint16, value uint16) {
	b := (*[2]byte)(unsafe.Pointer(p))
	b[0], b[1] = byte(value>>8), byte(value)
}

// inet6 is an address of IPv6, with the number of its interface where it is of that link, or of
// IPv4 where it stands for such.
func inet6(b [16]byte, scope uint32) netip.Addr {
	a := netip.AddrFrom16(b).Unmap()
	if scope != 0 && a.IsLinkLocalUnicast() && a.Is6() {
		a = a.WithZone(strconv.FormatUint(uint64(scope), 10))
	}
	return a
}

// scope is the interface that an address names, zero where it names none that is there.
func scope(a netip.Addr) uint32 {
	zone := a.Zone()
	if zone == "" {
		return 0
	}
	if n, err := strconv.ParseUint(zone, 10, 32); err == nil {
		return uint32(n)
	}
	if i, err := net.InterfaceByName(zone); err == nil {
		return uint32(i.Index)
	}
	return 0
}

// setPeer says where datagram i goes; false where a socket of that family cannot send there.
func (h *half) setPeer(i int, to netip.AddrPort, v6 bool) bool {
	name, m := &h.names[i], &h.headers[i].Hdr
	switch {
	case v6 && to.Addr().IsValid():
		*name = unix.RawSockaddrInet6{Family: unix.AF_INET6, Addr: to.Addr().As16(), Scope_id: scope(to.Addr())}
		setPort(&name.Port, to.Port())
		m.Namelen = unix.SizeofSockaddrInet6
		return true
	case !v6 && to.Addr().Unmap().Is4():
		v4 := (*unix.RawSockaddrInet4)(unsafe.Pointer(name))
		*v4 = unix.RawSockaddrInet4{Family: unix.AF_INET, Addr: to.Addr().As4()}
		setPort(&v4.Port, to.Port())
		m.Namelen = unix.SizeofSockaddrInet4
		return true
	}
	return false
}

// local is the address of ours that datagram i has come to, where the system has told it and an
// answer can leave from it.
func (h *half) local(i int) netip.Addr {
	b := unsafe.Slice((*byte)(unsafe.Pointer(&h.controls[i])), controlSize)
	b = b[:min(uint64(h.headers[i].Hdr.Controllen), controlSize)]
	for len(b) >= unix.SizeofCmsghdr {
		c := (*unix.Cmsghdr)(unsafe.Pointer(unsafe.SliceData(b)))
		size := uint64(c.Len)
		if size < unix.SizeofCmsghdr || size > uint64(len(b)) {
			break
		}
		if a := pktinfo(c, b[unix.CmsgLen(0):size]); a.IsValid() {
			return a
		}
		b = b[min(len(b), unix.CmsgSpace(int(size)-unix.CmsgLen(0))):]
	}
	return netip.Addr{}
}

// pktinfo is the address in an ancillary message, not valid where that is about something else.
func pktinfo(c *unix.Cmsghdr, data []byte) (a netip.Addr) {
	switch {
	case c.Level == unix.IPPROTO_IP && c.Type == unix.IP_PKTINFO && len(data) >= unix.SizeofInet4Pktinfo:
		// Not Addr, which may be that of a group or a broadcast.
		a = netip.AddrFrom4((*unix.Inet4Pktinfo)(unsafe.Pointer(unsafe.SliceData(data))).Spec_dst)
	case c.Level == unix.IPPROTO_IPV6 && c.Type == unix.IPV6_PKTINFO && len(data) >= unix.SizeofInet6Pktinfo:
		info := (*unix.Inet6Pktinfo)(unsafe.Pointer(unsafe.SliceData(data)))
		a = inet6(info.Addr, info.Ifindex)
	}
	if a.IsMulticast() || a.IsUnspecified() {
		return netip.Addr{}
	}
	return a
}

// setLocal has datagram i leave from an address of ours, unless it is not valid or of another
// family than where it goes.
func (h *half) setLocal(i int, from, to netip.Addr, v6 bool) {
	m := &h.headers[i].Hdr
	if from, to = from.Unmap(), to.Unmap(); !from.IsValid() || from.Is4() != to.Is4() {
		m.Control = nil
		m.SetControllen(0)
		return
	}
	c := (*unix.Cmsghdr)(unsafe.Pointer(&h.controls[i]))
	data := unsafe.Add(unsafe.Pointer(c), unix.CmsgLen(0))
	size := unix.SizeofInet4Pktinfo
	if v6 {
		size = unix.SizeofInet6Pktinfo
		c.Level, c.Type = unix.IPPROTO_IPV6, unix.IPV6_PKTINFO
		*(*unix.Inet6Pktinfo)(data) = unix.Inet6Pktinfo{Addr: from.As16(), Ifindex: cmp.Or(scope(to), scope(from))}
	} else {
		c.Level, c.Type = unix.IPPROTO_IP, unix.IP_PKTINFO
		*(*unix.Inet4Pktinfo)(data) = unix.Inet4Pktinfo{Spec_dst: from.As4()}
	}
	c.SetLen(unix.CmsgLen(size))
	m.Control = (*byte)(unsafe.Pointer(c))
	m.SetControllen(unix.CmsgSpace(size))
}
