package record

import (
	"encoding/binary"
	"errors"
	"slices"

	"golang.org/x/crypto/cryptobyte"
)

// A Trial looks whether a datagram is for a session at rest, of which there is nothing but its
// State: so what anybody can send costs a session at rest no memory, and what is expanded for it
// is forgotten at once. The zero value is ready to use, for one datagram after another.
type Trial struct{ scratch []byte }

// Tried says what the records of a datagram were. With one that opened, the others were not
// looked at.
type Tried struct {
	Opened             bool // one opens, and has not been here
	Rejected, Replayed int
}

// Open opens a copy of a datagram, of which the session has to open the original when it has been
// restored. The state is that of Control.Export. Nothing in it changes but the count of records
// that did not authenticate, which RFC 9147 section 4.5.3 bounds. ErrState is for bytes that are
// none.
func (t *Trial) Open(state, datagram []byte) (tried Tried, err error) {
	s := stateReader{cryptobyte.String(state), false}
	if s.uint8() != stateVersion {
		return tried, ErrState
	}
	saved := s.conn()
	if s.failed {
		return tried, ErrState
	}
	t.scratch = append(t.scratch[:0], datagram...)
	for rest := t.scratch; len(rest) > 0 && !tried.Opened; {
		rest, err = saved.try(rest)
		switch {
		case errors.Is(err, ErrReplayed):
			tried.Replayed++
		case err != nil:
			tried.Rejected++
		default:
			tried.Opened = true
		}
	}
	clear(t.scratch)
	return tried, nil
}

// try is Conn.Open but for what that changes.
func (c *savedConn) try(datagram []byte) (rest []byte, err error) {
	h, end, err := parseHeader(datagram, &c.receiveID)
	if err != nil {
		return nil, err
	}
	rest = datagram[end:]
	i := slices.IndexFunc(c.receive[:c.openers], func(o savedOpener) bool {
		return byte(o.epoch&epochMask) == h.first&epochMask
	})
	switch n := end - h.size; {
	case i < 0:
		return rest, errEpoch
	case n < minCiphertext || n > maxCiphertext: // before keys are expanded for it
		return rest, errSize
	}
	saved := &c.receive[i]
	p, err := saved.keys.expand()
	if err != nil {
		return rest, err
	}
	o := opener{protection: p, epoch: saved.epoch, window: saved.window, failed: saved.failed}
	_, err = o.open(datagram[:end], h)
	if o.failed != saved.failed {
		saved.failed = o.failed
		binary.BigEndian.PutUint64(saved.at, o.failed)
	}
	return rest, err
}
