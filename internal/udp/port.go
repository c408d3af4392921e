package udp

import (
	"errors"
	"net"
	"net/netip"
)

// NewPort makes a Port of one socket, for all addresses.
func NewPort(c Conn) *Port { return &Port{v4: c, v6: c} }

// Conns are the sockets, one or two: each is to be read.
func (p *Port) Conns() []Conn {
	switch {
	case p.v4 == nil:
		return []Conn{p.v6}
	case p.v6 == nil || p.v4 == p.v6:
		return []Conn{p.v4}
	}
	return []Conn{p.v4, p.v6}
}

// Write sends each message of a batch through the socket of its family. What there is none for is
// dropped.
func (p *Port) Write(batch []Message) {
	if p.v4 == p.v6 {
		p.v4.Write(batch)
		return
	}
	for len(batch) > 0 {
		is4 := batch[0].Peer.Addr().Is4()
		n := 1
		for n < len(batch) && batch[n].Peer.Addr().Is4() == is4 {
			n++
		}
		if c := p.family(is4); c != nil {
			c.Write(batch[:n])
		} else {
			p.stray.Add(uint64(n))
		}
		batch = batch[n:]
	}
}

func (p *Port) family(is4 bool) Conn {
	if is4 {
		return p.v4
	}
	return p.v6
}

// Stats adds those of the sockets up.
func (p *Port) Stats() (s Stats) {
	for _, c := range p.Conns() {
		s.Add(c.Stats())
	}
	s.Unsent += p.stray.Load()
	return s
}

// Add adds the counts of another socket.
func (s *Stats) Add(t Stats) {
	s.Truncated += t.Truncated
	s.Unsent += t.Unsent
	s.Dropped += t.Dropped
}

// LocalAddr is the address that the port was opened for: that of IPv6 where it has both.
func (p *Port) LocalAddr() netip.AddrPort {
	c := p.v6
	if c == nil {
		c = p.v4
	}
	addr, err := netip.ParseAddrPort(c.LocalAddr().String())
	if err != nil {
		return netip.AddrPort{}
	}
	return addr
}

// Addr is LocalAddr as package net has it.
func (p *Port) Addr() net.Addr {
	if p.v6 != nil {
		return p.v6.LocalAddr()
	}
	return p.v4.LocalAddr()
}

// Close closes the sockets.
func (p *Port) Close() error {
	var err error
	for _, c := range p.Conns() {
		err = errors.Join(err, c.Close())
	}
	return err
}
