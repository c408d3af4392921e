package record

import (
	"fmt"
	"io"
	"time"

	"golang.org/x/crypto/cryptobyte"
)

// stateVersion is the first byte of an exported state.
const stateVersion = 2

// A State is a session's records and messages at rest: secrets, numbers, windows, connection
// IDs, what waits for an acknowledgement, and, so that a Trial is quick, the keys that open. Who has it can read and send as the session, so
// it prints as a fingerprint only. It may be restored once: two sessions that go on from one
// State use the same nonces under the same keys.
type State struct{ b []byte }

// Bytes returns the state for storage. It is as secret as the keys; the slice is not a copy.
func (s State) Bytes() []byte { return s.b }

// Wipe overwrites the state.
func (s State) Wipe() { clear(s.b) }

// Format writes a fingerprint whatever the verb is.
func (s State) Format(f fmt.State, _ rune) { io.WriteString(f, "record.State("+fingerprint(s.b)+")") }

// MarshalText returns the fingerprint, for encoders such as JSON: it is Bytes that is stored.
func (s State) MarshalText() ([]byte, error) { return []byte(fingerprint(s.b)), nil }

// Export ends the Control and its Conn, and returns what Restore makes others of. From then on
// Seal refuses with ErrExported and nothing opens, and so does a second Export. ACKs that were
// not sealed are left out: the peer repeats what they were for.
func (c *Control) Export() (State, error) {
	if c.conn.exported {
		return State{}, ErrExported
	}
	b := cryptobyte.NewBuilder(make([]byte, 0, 512+len(c.ticket)+len(c.out.Body)))
	b.AddUint8(stateVersion)
	c.conn.addTo(b)
	c.addTo(b)
	state, err := b.Bytes()
	if err != nil {
		return State{}, err
	}
	c.conn.end()
	return State{state}, nil
}

// end wipes the secrets of a Conn whose state has been given away.
func (c *Conn) end() {
	c.exported = true
	c.send.secret.wipe()
	c.receive[0].wipe()
	c.dropOld()
}

// Restore returns the Conn and the Control of an exported state, at the time now. It keeps no
// reference to b. What was on its way to the peer is due at once. Every error is ErrState. The
// caller sees to it that b is not used again, also after a crash: it is erased before the first
// record leaves.
func Restore(b []byte, cfg ControlConfig, now time.Time) (*Conn, *Control, error) {
	s := stateReader{cryptobyte.String(b), false}
	if s.uint8() != stateVersion {
		return nil, nil, fmt.Errorf("%w: version", ErrState)
	}
	saved := s.conn()
	conn := saved.restore(&s)
	control := s.control(conn, cfg, now)
	if s.failed || !s.Empty() {
		return nil, nil, fmt.Errorf("%w: truncated, or out of range", ErrState)
	}
	return conn, control, nil
}

func (c *Conn) addTo(b *cryptobyte.Builder) {
	b.AddUint16(uint16(c.suite))
	addBytes(b, c.send.id.Bytes())
	addBytes(b, c.receiveID.Bytes())
	addBytes(b, c.send.secret)
	b.AddUint64(c.send.epoch)
	b.AddUint64(c.send.next)
	b.AddUint64(c.send.known)
	addFlag(b, c.changing())
	for _, o := range c.receive {
		if o != nil {
			o.addTo(b)
		}
	}
}

func (o *opener) addTo(b *cryptobyte.Builder) {
	addBytes(b, o.secret)
	b.AddBytes(o.keys.key)
	b.AddBytes(o.keys.iv)
	b.AddBytes(o.keys.sn)
	b.AddUint64(o.epoch)
	b.AddUint64(o.failed)
	b.AddUint64(o.window.next)
	for _, w := range o.window.seen {
		b.AddUint64(w)
	}
}

func (c *Control) addTo(b *cryptobyte.Builder) {
	b.AddUint32(c.message)
	b.AddUint32(c.expected)
	b.AddUint64(uint64(max(c.since.Unix(), 0)))
	b.AddUint64(c.asked)
	addFlag(b, c.update)
	addFlag(b, c.request)
	addFlag(b, c.ticket != nil)
	addBytes(b, c.ticket)
	b.AddUint8(uint8(c.out.Type))
	if c.out.active() {
		b.AddUint16(c.out.Sequence)
		addBytes(b, c.out.Body)
		b.AddUint8(uint8(len(c.out.sent)))
		for _, n := range c.out.sent {
			b.AddUint64(n)
		}
	}
}

func addBytes(b *cryptobyte.Builder, v []byte) {
	b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes(v) })
}

func addFlag(b *cryptobyte.Builder, set bool) {
	if set {
		b.AddUint8(1)
	} else {
		b.AddUint8(0)
	}
}
