package udp

import (
	"net"
	"os"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// batching tells whether the system moves several datagrams in one call.
const batching = true

// A batched moves datagrams by recvmmsg and sendmmsg.
type batched struct {
	*net.UDPConn
	counts
	raw     syscall.RawConn
	v6      bool // the socket is of IPv6; it may take IPv4 as well, in mapped addresses
	in, out half
}

// A half is what one direction needs for a batch. The headers point to the rest, which stays where
// it is as long as the socket does.
type half struct {
	headers  [Batch]unix.Mmsghdr
	pieces   [Batch]unix.Iovec
	names    [Batch]unix.RawSockaddrInet6 // or an Inet4, which is shorter
	controls [Batch]control
	call     func(fd uintptr) bool // of out, is made once: to make it for each call would allocate

	at, n   int // those of headers that are done, and that there are
	errno   syscall.Errno
	waiting bool // for room
	full    bool // there was none
}

func newBatched(s *net.UDPConn) (Conn, error) {
	raw, err := s.SyscallConn()
	if err != nil {
		return nil, err
	}
	c := &batched{UDPConn: s, raw: raw}
	if c.v6, err = setUp(raw, s.LocalAddr().(*net.UDPAddr)); err != nil {
		return nil, os.NewSyscallError("setsockopt", err)
	}
	c.in.init()
	c.out.init()
	c.out.call = c.out.send
	return c, nil
}

func (h *half) init() {
	for i := range h.headers {
		m := &h.headers[i].Hdr
		m.Name = (*byte)(unsafe.Pointer(&h.names[i]))
		m.Iov = &h.pieces[i]
		m.SetIovlen(1)
		m.Control = (*byte)(unsafe.Pointer(&h.controls[i]))
	}
}

// piece has datagram i at b, of which all the capacity may be used.
func (h *half) piece(i int, b []byte, n int) {
	h.pieces[i].Base = unsafe.SliceData(b)
	h.pieces[i].SetLen(n)
}

// Receive implements Conn.
func (c *batched) Receive(batch []Message, take func(n int) (more bool)) error {
	batch = batch[:min(len(batch), Batch)]
	c.in.errno = 0
	if err := c.raw.Read(func(fd uintptr) bool { return c.receive(fd, batch, take) }); err != nil {
		return err
	}
	if c.in.errno != 0 {
		return os.NewSyscallError("recvmmsg", c.in.errno)
	}
	return nil
}

// receive takes what there is; false: to be called again when there is more. The runtime is told of
// each arrival, so a batch that is not full spares the call which would find nothing.
func (c *batched) receive(fd uintptr, batch []Message, take func(n int) (more bool)) bool {
	h := &c.in
	for {
		for i := range batch {
			h.piece(i, batch[i].Data, cap(batch[i].Data))
			m := &h.headers[i].Hdr
			m.Namelen = unix.SizeofSockaddrInet6
			m.SetControllen(controlSize)
		}
		h.at, h.n = 0, len(batch)
		n, errno := h.mmsg(unix.SYS_RECVMMSG, fd)
		switch errno {
		case 0:
		case unix.EINTR:
			continue
		case unix.EAGAIN:
			return false
		default:
			h.errno = errno
			return true
		}
		if good := c.taken(batch, n); good > 0 && !take(good) {
			return true
		}
		if n < len(batch) {
			return false
		}
	}
}

// mmsg has the system move those of the headers that are not done.
func (h *half) mmsg(call, fd uintptr) (int, syscall.Errno) {
	n, _, errno := unix.Syscall6(call, fd, uintptr(unsafe.Pointer(&h.headers[h.at])), uintptr(h.n-h.at),
		unix.MSG_DONTWAIT, 0, 0)
	return int(n), errno
}

// taken describes what has been received, without what was cut off.
func (c *batched) taken(batch []Message, received int) (n int) {
	h := &c.in
	for i := range received {
		m := &batch[i]
		size := int(h.headers[i].Len)
		from, ok := h.peer(i)
		if !ok || size >= cap(m.Data) {
			c.truncated.Add(1)
			continue
		}
		m.Peer, m.Local, m.Data = from, h.local(i), m.Data[:size]
		batch[n], batch[i] = batch[i], batch[n]
		n++
	}
	return n
}

// Write implements Conn.
func (c *batched) Write(batch []Message) {
	for len(batch) > 0 {
		n := min(len(batch), Batch)
		c.prepare(batch[:n])
		if !c.write() {
			c.dropped.Add(uint64(c.out.n - c.out.at + len(batch) - n))
			return
		}
		batch = batch[n:]
	}
}

// prepare makes headers of a batch, without what can go nowhere.
func (c *batched) prepare(batch []Message) {
	h := &c.out
	h.at, h.n = 0, 0
	for i := range batch {
		m := &batch[i]
		if !h.setPeer(h.n, m.Peer, c.v6) {
			c.unsent.Add(1)
			continue
		}
		h.setLocal(h.n, m.Local, m.Peer.Addr(), c.v6)
		h.piece(h.n, m.Data, len(m.Data))
		h.n++
	}
}

// write sends what is prepared; false where some is left for which there is no room.
func (c *batched) write() bool {
	h := &c.out
	for h.at < h.n {
		h.full = false
		err := c.raw.Write(h.call)
		switch {
		case err == nil && h.errno != 0: // of one datagram
			c.unsent.Add(1)
			h.at, h.errno = h.at+1, 0
		case err == nil && h.full && !h.waiting:
			h.waiting = true
			c.SetWriteDeadline(time.Now().Add(Patience))
		case err != nil: // the time is over, or the socket closed
			return h.waited(c)
		}
	}
	return h.waited(c)
}

// waited ends waiting, and tells whether all is sent.
func (h *half) waited(c *batched) bool {
	if h.waiting {
		h.waiting = false
		c.SetWriteDeadline(time.Time{})
	}
	return h.at >= h.n
}

// send sends until all is sent, there is no room, or one datagram cannot be sent. That is tried
// twice, for the first error may be what has become of an earlier one. While waiting it returns
// false when there is no room, to be called again.
func (h *half) send(fd uintptr) bool {
	for again := false; h.at < h.n; {
		n, errno := h.mmsg(unix.SYS_SENDMMSG, fd)
		switch {
		case errno == 0:
			h.at += n
			again = false
		case errno == unix.EINTR:
		case errno == unix.EAGAIN:
			h.full = true
			return !h.waiting
		case again:
			h.errno = errno
			return true
		default:
			again = true
		}
	}
	return true
}
