package record

import (
	"slices"
	"time"

	"golang.org/x/crypto/cryptobyte"
)

// A stateReader reads an exported state. After a failure it yields zeros.
type stateReader struct {
	cryptobyte.String
	failed bool
}

// must notes a failure unless ok.
func (s *stateReader) must(ok bool) bool {
	s.failed = s.failed || !ok
	return !s.failed
}

func (s *stateReader) uint8() (v uint8) {
	s.must(s.ReadUint8(&v))
	return v
}

func (s *stateReader) uint32() (v uint32) {
	s.must(s.ReadUint32(&v))
	return v
}

func (s *stateReader) uint64() (v uint64) {
	s.must(s.ReadUint64(&v))
	return v
}

func (s *stateReader) flag() bool {
	v := s.uint8()
	return s.must(v <= 1) && v == 1
}

func (s *stateReader) bytes() []byte {
	var v cryptobyte.String
	s.must(s.ReadUint16LengthPrefixed(&v))
	return v
}

func (s *stateReader) id() (id ConnectionID) {
	b := s.bytes()
	if len(b) == 0 {
		return id
	}
	id, err := NewConnectionID(b)
	s.must(err == nil)
	return id
}

// conn is nil after a failure.
func (s *stateReader) conn() *Conn {
	var suite uint16
	s.must(s.ReadUint16(&suite))
	c := &Conn{suite: CipherSuite(suite)}
	sendID := s.id()
	c.receiveID = s.id()
	if c.send = s.sealer(c.suite, sendID); c.send == nil {
		return nil
	}
	two := s.flag()
	if c.receive[0] = s.opener(c.suite); two && !s.failed {
		c.receive[1] = s.opener(c.suite)
	}
	if s.failed {
		return nil
	}
	s.must(!two || c.receive[1].epoch+1 == c.receive[0].epoch)
	return c
}

// epochs are those that message_seq of 16 bits lets a session reach.
func (s *stateReader) epoch() uint64 {
	e := s.uint64()
	s.must(e >= firstEpoch && e <= firstEpoch+1<<16)
	return e
}

func (s *stateReader) sealer(suite CipherSuite, id ConnectionID) *sealer {
	key, epoch, next, known := s.bytes(), s.epoch(), s.uint64(), s.uint64()
	if !s.must(known <= next && next <= sealLimit) {
		return nil
	}
	send, err := newSealer(suite, key, epoch, id)
	if !s.must(err == nil) {
		return nil
	}
	send.next, send.known = next, known
	return send
}

func (s *stateReader) opener(suite CipherSuite) *opener {
	key, epoch, failed := s.bytes(), s.epoch(), s.uint64()
	w := window{next: s.uint64()}
	for i := range w.seen {
		w.seen[i] = s.uint64()
	}
	if !s.must(failed <= failedLimit && w.next <= 1<<48) {
		return nil
	}
	o, err := newOpener(suite, key, epoch)
	if !s.must(err == nil) {
		return nil
	}
	o.failed, o.window = failed, w
	return o
}

// control begins with the timers of a session that has slept: everything on its way is due.
func (s *stateReader) control(conn *Conn, cfg ControlConfig, now time.Time) *Control {
	if s.failed {
		return nil
	}
	c := NewControl(conn, cfg, now)
	c.message, c.expected = s.uint32(), s.uint32()
	s.must(c.message <= 1<<16 && c.expected <= 1<<16)
	unix := s.uint64()
	s.must(unix < 1<<40)
	if since := time.Unix(int64(unix), 0); since.Before(now) {
		c.since = since // a clock that was set back makes the keys young
	}
	c.asked = s.uint64()
	c.update, c.request = s.flag(), s.flag()
	s.must(c.update || !c.request)
	waits, ticket := s.flag(), s.bytes()
	if waits {
		c.ticket = append([]byte{}, ticket...)
	}
	s.must(waits || len(ticket) == 0)
	c.out = s.outgoing(c, now)
	if conn.changing() && conn.receive[0].window.next > 0 {
		c.dropAt = now.Add(c.cfg.Grace)
	}
	return c
}

func (s *stateReader) outgoing(c *Control, now time.Time) (o outgoing) {
	o.Type = MessageType(s.uint8())
	if !o.active() {
		return o
	}
	s.must(s.ReadUint16(&o.Sequence))
	o.Body = slices.Clone(s.bytes())
	for range s.uint8() {
		n := s.uint64()
		if !s.must(n < c.conn.send.next && len(o.sent) < sentMemory) {
			return o
		}
		o.sent = append(o.sent, n)
	}
	o.epoch, o.due = c.conn.send.epoch, now
	_, err := ParseMessage(o.Message.Append(nil))
	s.must(err == nil && uint32(o.Sequence)+1 == c.message)
	return o
}
