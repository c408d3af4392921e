package udp

import (
	"errors"
	"net"
	"os"
	"time"
)

// A plain moves one datagram at a time, by what every system has. It does not know to which address
// of ours one has come.
type plain struct {
	PacketConn
	counts
	// deadline is that of a socket which may have to wait when it writes, else nil.
	deadline func(time.Time) error
	// room holds the largest UDP payload. Without it, one that is too long is cut off by some
	// systems and an error with others.
	room []byte
}

func newPlain(socket PacketConn) *plain {
	p := &plain{PacketConn: socket, room: make([]byte, 1<<16)}
	if s, ok := socket.(*net.UDPConn); ok {
		p.deadline = s.SetWriteDeadline
		p.deadline(time.Now()) // so that the first one that has to wait sets another
	}
	return p
}

// Receive implements Conn, one datagram at a time.
func (p *plain) Receive(batch []Message, take func(n int) (more bool)) error {
	m := &batch[0]
	for more := true; more; {
		n, from, err := p.ReadFromUDPAddrPort(p.room)
		switch {
		case err != nil:
			return err
		case n >= cap(m.Data):
			p.truncated.Add(1)
			continue
		}
		*m = Message{Peer: unmap(from), Data: append(m.Data[:0], p.room[:n]...)}
		more = take(1)
	}
	return nil
}

// Write implements Conn.
func (p *plain) Write(batch []Message) {
	for i, m := range batch {
		err := p.write(m)
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			p.dropped.Add(uint64(len(batch) - i))
			return
		case err != nil:
			p.unsent.Add(1)
		}
	}
}

// write sends one datagram. A deadline that has passed since an earlier one says nothing about the
// room: another is set then.
func (p *plain) write(m Message) error {
	_, err := p.WriteToUDPAddrPort(m.Data, m.Peer)
	if p.deadline != nil && errors.Is(err, os.ErrDeadlineExceeded) {
		p.deadline(time.Now().Add(Patience))
		_, err = p.WriteToUDPAddrPort(m.Data, m.Peer)
	}
	return err
}
