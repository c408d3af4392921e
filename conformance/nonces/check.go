package nonces

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
)

// What Check finds.
var (
	ErrTwice   = errors.New("a nonce was used twice under one key")
	ErrUnknown = errors.New("a record is of no session known")
	ErrTooFew  = errors.New("too few records to say anything")
)

// A Report says what has been looked at.
type Report struct {
	Records  int            // opened, each by the one key it was sealed with
	Sessions int            // that have had records
	Keys     int            // of their directions and epochs
	Resets   int            // datagrams that tell of a lost session
	Began    map[string]int // waking, resumption, handshake: how often a device has done which
}

// A checker knows which sessions may have sent something to an address.
type checker struct {
	log    *keyLog
	at     map[netip.AddrPort][]*secrets
	report Report
}

// Check opens all records of what a Tap has seen with a key log, and fails with the first that
// is wrong, or where there are less than least.
func Check(seen []Datagram, log []byte, least int) (Report, error) {
	l, err := parseLog(log)
	if err != nil {
		return Report{}, err
	}
	c := &checker{log: l, at: make(map[netip.AddrPort][]*secrets), report: Report{Began: l.began}}
	for i, d := range seen {
		if len(d.Bytes) == 0 || d.Bytes[0]>>5 != 1 {
			continue // of a handshake
		}
		if err := c.datagram(d); err != nil {
			return c.report, fmt.Errorf("datagram %d of %d, to the server %v: %w", i, len(seen), d.Up, err)
		}
	}
	c.count()
	if c.report.Records < least {
		return c.report, fmt.Errorf("%w: %d, want %d", ErrTooFew, c.report.Records, least)
	}
	return c.report, nil
}

func (c *checker) count() {
	for _, s := range c.log.byID {
		keys := 0
		for _, d := range []direction{s.up, s.down} {
			for _, e := range d.epochs {
				if len(e.seen) > 0 {
					keys++
				}
			}
		}
		if keys > 0 {
			c.report.Sessions++
			c.report.Keys += keys
		}
	}
}

// datagram attributes the records of one.
func (c *checker) datagram(d Datagram) error {
	if len(d.Bytes) >= 16 && !d.Up && c.log.tokens[[16]byte(d.Bytes[len(d.Bytes)-16:])] {
		c.report.Resets++
		return nil
	}
	for rest := d.Bytes; len(rest) > 0; {
		r, err := parseRecord(rest, d.Up)
		if err != nil {
			return err
		}
		if err := c.record(d, r); err != nil {
			return err
		}
		rest = rest[r.size:]
	}
	return nil
}

func (c *checker) record(d Datagram, r parts) error {
	sessions := c.at[d.Peer]
	if d.Up {
		sessions = nil
		if s := c.log.byID[string(r.cid)]; s != nil {
			sessions = []*secrets{s}
		}
	}
	for i := len(sessions) - 1; i >= 0; i-- { // the newest first
		s := sessions[i]
		way := &s.down
		if d.Up {
			way = &s.up
		}
		for _, e := range way.candidates(uint64(r.first & 3)) {
			number, ok := e.open(r)
			if !ok {
				continue
			}
			if e.seen[number] {
				return fmt.Errorf("%w: number %d of epoch %d", ErrTwice, number, e.number)
			}
			e.seen[number] = true
			way.adopt(e)
			c.report.Records++
			c.meet(d, s)
			return nil
		}
	}
	return ErrUnknown
}

// meet notes where a session's device is.
func (c *checker) meet(d Datagram, s *secrets) {
	if list := c.at[d.Peer]; d.Up && (len(list) == 0 || list[len(list)-1] != s) {
		c.at[d.Peer] = append(list, s)
	}
}

// The parts of a record (RFC 9147 section 4).
type parts struct {
	first  byte
	cid    []byte
	header []byte // with the number encrypted
	number int    // where that begins
	body   []byte
	size   int
}

func parseRecord(b []byte, up bool) (r parts, err error) {
	r.first = b[0]
	at := 1
	if b[0]>>5 != 1 || (b[0]&0x10 != 0) != up {
		return r, ErrUnknown
	}
	if up {
		if len(b) < 2 || len(b) < 1+1<<(b[1]>>6) {
			return r, ErrUnknown
		}
		at += 1 << (b[1] >> 6)
		r.cid = b[1:at]
	}
	r.number = at
	at++
	if b[0]&0x08 != 0 {
		at++
	}
	length := -1
	if b[0]&0x04 != 0 {
		if len(b) < at+2 {
			return r, ErrUnknown
		}
		length = int(binary.BigEndian.Uint16(b[at:]))
		at += 2
	}
	if length < 0 {
		length = len(b) - at
	}
	if length < 17 || len(b) < at+length {
		return r, ErrUnknown
	}
	r.header, r.body, r.size = b[:at], b[at:at+length], at+length
	return r, nil
}

// open gives the number of a record that was sealed with the key of e.
func (e *epoch) open(r parts) (number uint64, ok bool) {
	header := append([]byte(nil), r.header...)
	var mask [16]byte
	e.mask.Encrypt(mask[:], r.body)
	header[r.number] ^= mask[0]
	low, bits := uint64(header[r.number]), 8
	if r.first&0x08 != 0 {
		header[r.number+1] ^= mask[1]
		low, bits = low<<8|uint64(header[r.number+1]), 16
	}
	number = closest(e.next, low, bits)
	nonce := append([]byte(nil), e.iv...)
	binary.BigEndian.PutUint64(nonce[4:], binary.BigEndian.Uint64(nonce[4:])^number)
	if _, err := e.aead.Open(nil, nonce, r.body, header); err != nil {
		return 0, false
	}
	e.next = max(e.next, number+1)
	return number, true
}

// closest is the number with those low bits that is nearest to next (RFC 9147 section 4.2.2).
func closest(next, low uint64, bits int) uint64 {
	span := uint64(1) << bits
	number := next&^(span-1) | low
	switch {
	case number+span/2 <= next:
		return number + span
	case number > next+span/2 && number >= span:
		return number - span
	}
	return number
}
