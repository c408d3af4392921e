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

// A savedConn is what a state says of a Conn. It aliases the state.
type savedConn struct {
	suite             CipherSuite
	sendID, receiveID ConnectionID
	secret            []byte
	epoch             uint64
	next, known       uint64
	openers           int
	receive           [2]savedOpener
}

type savedOpener struct {
	secret []byte
	keys   trafficKeys
	epoch  uint64
	failed uint64
	at     []byte // where failed stands
	window window
}

func (s *stateReader) conn() (c savedConn) {
	var suite uint16
	s.must(s.ReadUint16(&suite))
	c.suite, c.openers = CipherSuite(suite), 1
	c.sendID, c.receiveID = s.id(), s.id()
	c.secret, c.epoch, c.next, c.known = s.bytes(), s.epoch(), s.uint64(), s.uint64()
	s.must(c.known <= c.next && c.next <= sealLimit)
	if s.flag() {
		c.openers = 2
	}
	for i := range c.receive[:c.openers] {
		c.receive[i] = s.opener(c.suite)
	}
	s.must(c.openers == 1 || c.receive[1].epoch+1 == c.receive[0].epoch)
	return c
}

// epochs are those that message_seq of 16 bits lets a session reach.
func (s *stateReader) epoch() uint64 {
	e := s.uint64()
	s.must(e >= firstEpoch && e <= firstEpoch+1<<16)
	return e
}

func (s *stateReader) opener(suite CipherSuite) (o savedOpener) {
	o.secret = s.bytes()
	n, ok := o.keys.read(suite, s.String)
	s.must(ok && s.Skip(n))
	o.epoch = s.epoch()
	o.at = s.String[:min(8, len(s.String))]
	o.failed, o.window.next = s.uint64(), s.uint64()
	for i := range o.window.seen {
		o.window.seen[i] = s.uint64()
	}
	s.must(o.failed <= failedLimit && o.window.next <= 1<<48)
	return o
}

// restore is nil after a failure.
func (c *savedConn) restore(s *stateReader) *Conn {
	if s.failed {
		return nil
	}
	send, err := newSealer(c.suite, c.secret, c.epoch, c.sendID)
	if !s.must(err == nil) {
		return nil
	}
	send.next, send.known = c.next, c.known
	conn := &Conn{suite: c.suite, send: send, receiveID: c.receiveID}
	for i := range c.receive[:c.openers] {
		o := &c.receive[i]
		p, err := o.keys.expand()
		if !s.must(err == nil && len(o.secret) == len(c.secret)) {
			return nil
		}
		conn.receive[i] = &opener{
			protection: p, secret: slices.Clone(o.secret), keys: o.keys.clone(),
			epoch: o.epoch, window: o.window, failed: o.failed,
		}
	}
	return conn
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
