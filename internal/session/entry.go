package session

import (
	"encoding/binary"
	"net/netip"
	"time"

	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/internal/admission"
	"github.com/pqcoap/pqcoap/record"
)

// An entry is a session at rest, in one piece without pointers: in the arena, and in what Save
// returns. All of the session is in it, and while there is an entry there is nothing of it anywhere
// else. It has the numbers from which sealing goes on: an entry that is older than a record which
// has been sealed would have nonces used twice.
//
// Behind a head of fixed size come the name of the device, its address, the address of ours where it
// has one, the state of its CoAP and of its records. Numbers are big-endian.
type entry []byte

// Offsets in the head of an entry.
const (
	entryID         = 0  // 8, the connection ID with zeros behind it
	entrySerial     = 8  // 8
	entryHeard      = 16 // 8, Unix time in ns
	entryIdle       = 24 // 4, s, that the device has named
	entryPayload    = 28 // 2, largest that the device takes
	entryFlags      = 30 // 1
	entrySuite      = 31 // 1
	entryMode       = 32 // 1
	entryCredential = 33 // 16
	entryMark       = 49 // 8
	entryReset      = 57 // 16
	entrySession    = 73 // 16, session ID
	entryUntil      = 89 // 8, Unix time in ns; 0: none
	entryLengths    = 97 // 1 of the name, 1 of each address, 1 of CoAP, 2 of records
	entryHead       = 103
)

// flagListen has the next record that opens come with an event.
const flagListen = 1

// mostName is the longest name of a device whose session can rest, in bytes.
const mostName = 255

// appendEntry ends the records of a session and appends its entry. On error nothing has ended.
func (s *Session) appendEntry(b []byte) (entry, error) {
	state, err := s.ch.control.Export()
	if err != nil {
		return nil, err
	}
	defer state.Wipe()
	return s.writeEntry(b, state.Bytes()), nil
}

// writeEntry appends an entry with a state of the records.
func (s *Session) writeEntry(b []byte, state []byte) entry {
	start := len(b)
	b = append(b, make([]byte, entryHead)...)
	head := b[start:]
	s.id.Append(head[:entryID])
	binary.BigEndian.PutUint64(head[entrySerial:], s.serial)
	binary.BigEndian.PutUint64(head[entryHeard:], uint64(s.heard.UnixNano()))
	binary.BigEndian.PutUint32(head[entryIdle:], uint32(min(s.idle/time.Second, 1<<32-1)))
	binary.BigEndian.PutUint16(head[entryPayload:], s.payload)
	if s.Listen {
		head[entryFlags] = flagListen
	}
	head[entrySuite], head[entryMode] = byte(s.suite), byte(s.credential.Mode)
	copy(head[entryCredential:], s.credential.ID[:])
	copy(head[entryMark:], s.mark[:])
	copy(head[entryReset:], s.token[:])
	copy(head[entrySession:], s.sessionID[:])
	entry(head).setUntil(s.until)
	var lengths [5]int
	for i, add := range [...]func([]byte) []byte{
		func(b []byte) []byte { return append(b, s.name...) },
		func(b []byte) []byte { b, _ = s.Peer().AppendBinary(b); return b }, // it has no error
		func(b []byte) []byte { b, _ = s.ch.local(s.Peer()).AppendBinary(b); return b },
		s.ch.coap.AppendState,
		func(b []byte) []byte { return append(b, state...) },
	} {
		before := len(b)
		b = add(b)
		lengths[i] = len(b) - before
	}
	head = b[start:]
	for i := range lengths[:4] {
		head[entryLengths+i] = byte(lengths[i])
	}
	binary.BigEndian.PutUint16(head[entryLengths+4:], uint16(lengths[4]))
	return b
}

// parseEntry takes an entry that begins b, which has more bytes than it needs or as many.
func parseEntry(b []byte) (e entry, ok bool) {
	if len(b) < entryHead {
		return nil, false
	}
	if n := entry(b).size(); n <= len(b) {
		return b[:n], true
	}
	return nil, false
}

func (e entry) size() int {
	l := e[entryLengths:entryHead]
	return entryHead + int(l[0]) + int(l[1]) + int(l[2]) + int(l[3]) + int(binary.BigEndian.Uint16(l[4:]))
}

// entryParts are what is behind the head.
type entryParts struct{ name, peer, at, coap, records []byte }

func (e entry) parts() entryParts {
	l, b := e[entryLengths:entryHead], e[entryHead:]
	take := func(n int) (part []byte) {
		part, b = b[:n:n], b[n:]
		return part
	}
	return entryParts{
		take(int(l[0])), take(int(l[1])), take(int(l[2])), take(int(l[3])), take(int(binary.BigEndian.Uint16(l[4:]))),
	}
}

// addresses are that of the device and the one of ours; not valid where the entry has none.
func (e entry) addresses() (peer netip.AddrPort, at netip.Addr) {
	p := e.parts()
	if peer.UnmarshalBinary(p.peer) != nil || at.UnmarshalBinary(p.at) != nil {
		return netip.AddrPort{}, netip.Addr{}
	}
	return peer, at
}

func (e entry) name() []byte { return e[entryHead : entryHead+int(e[entryLengths])] }

// peer is the zero value where the entry has none.
func (e entry) peer() netip.AddrPort {
	peer, _ := e.addresses()
	return peer
}

// network is that of the peer.
func (e entry) network() netip.Prefix { return admission.Network(e.peer().Addr()) }

// id is the zero value where the entry has none.
func (e entry) id() record.ConnectionID {
	id, _, _ := record.ParseConnectionID(e[entryID:entrySerial])
	return id
}

func (e entry) serial() uint64 { return binary.BigEndian.Uint64(e[entrySerial:]) }

func (e entry) setSerial(n uint64) { binary.BigEndian.PutUint64(e[entrySerial:], n) }

func (e entry) heard() time.Time {
	return time.Unix(0, int64(binary.BigEndian.Uint64(e[entryHeard:])))
}

// until is when to ask about the device again; zero: not.
func (e entry) until() time.Time {
	if n := binary.BigEndian.Uint64(e[entryUntil:]); n != 0 {
		return time.Unix(0, int64(n))
	}
	return time.Time{}
}

func (e entry) setUntil(at time.Time) {
	n := uint64(0)
	if !at.IsZero() {
		n = uint64(at.UnixNano())
	}
	binary.BigEndian.PutUint64(e[entryUntil:], n)
}

func (e entry) idle() time.Duration {
	return time.Duration(binary.BigEndian.Uint32(e[entryIdle:])) * time.Second
}

func (e entry) listen() { e[entryFlags] |= flagListen }

func (e entry) suite() handshake.Suite { return handshake.Suite(e[entrySuite]) }

func (e entry) credential() handshake.ClientCredential {
	return handshake.ClientCredential{
		Mode: handshake.Mode(e[entryMode]), ID: [16]byte(e[entryCredential:entryMark]),
	}
}

func (e entry) mark() [8]byte { return [8]byte(e[entryMark:entryReset]) }

// session is what an entry says, without its CoAP and its records: these are to come, or never.
func (e entry) session() *Session {
	s := newSession()
	s.id, s.serial, s.state = e.id(), e.serial(), gone
	s.name, s.mark, s.credential, s.suite = string(e.name()), e.mark(), e.credential(), e.suite()
	s.heard, s.idle, s.until = e.heard(), e.idle(), e.until()
	s.payload = binary.BigEndian.Uint16(e[entryPayload:])
	s.Listen = e[entryFlags]&flagListen != 0
	copy(s.token[:], e[entryReset:])
	copy(s.sessionID[:], e[entrySession:])
	s.from, s.at = e.addresses()
	return s
}
