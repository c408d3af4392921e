package coap

import (
	"encoding/binary"
	"slices"
	"time"

	"github.com/plgd-dev/go-coap/v3/message"
)

// Toward a peer of another kind (Config.Peer) a request is known by its message ID and token
// (the program may have been started anew, on the same port), a later block of a transfer by
// the options that name its resource (RFC 7959 section 2.4, RFC 9175 section 3.3), and an
// observation by its token.

// peers finds the entries of such a peer.
type peers struct {
	serial    uint64
	messages  map[uint16]*entry // by the ID of the newest with it
	transfers map[string]*entry
}

// named is how an entry of such a peer is found.
type named struct {
	token    message.Token // of the message to be answered
	ids      []uint16
	tokens   []string // of the messages of ids
	transfer string
}

// find returns the entry that a request, block or pull belongs to, which it makes if it is a
// new one. known is false for what belongs to none and cannot begin one, e nil where there is
// no place.
func (c *Conn) find(m *Message, pull bool, b Block, blockwise bool) (e *entry, known bool) {
	if c.config.Secure {
		return c.entry(m.Token)
	}
	s := &c.server
	if e = s.messages[uint16(m.MessageID)]; e != nil && e.has(m) {
		return e, true
	}
	transfer := transferName(m)
	switch e = c.later(m, transfer, pull || blockwise && b.Number > 0); {
	case e != nil:
	case pull || blockwise && b.Number > 0:
		return nil, false
	default:
		if e = c.fresh(transfer); e == nil {
			return nil, true
		}
	}
	if !pull || !e.observing {
		e.token = append(e.token[:0], m.Token...)
	}
	s.messages[uint16(m.MessageID)] = e
	e.ids, e.tokens = append(e.ids, uint16(m.MessageID)), append(e.tokens, string(m.Token))
	if len(e.ids) > maxIDs {
		s.unnameID(e, e.ids[0])
		e.ids, e.tokens = e.ids[1:], e.tokens[1:]
	}
	return e, true
}

// has tells whether a message has come before.
func (e *named) has(m *Message) bool {
	for i, id := range e.ids {
		if id == uint16(m.MessageID) && e.tokens[i] == string(m.Token) {
			return true
		}
	}
	return false
}

// maxIDs is how many messages of one transfer are remembered.
const maxIDs = 64

// later returns the entry of a message that does not begin one: a block, a pull, or the end
// of an observation. An observation that is begun anew under the token of another ends that.
func (c *Conn) later(m *Message, transfer string, block bool) *entry {
	s := &c.server
	if value, found := optionUint(m.Options, message.Observe); found && !block {
		i := slices.IndexFunc(s.observed, func(e *entry) bool { return string(e.token) == string(m.Token) })
		switch {
		case i >= 0 && (value == 1 || s.observed[i].transfer == transfer): // its end, or once more the same
			return s.observed[i]
		case i >= 0:
			s.observed[i].end(c.latest, nil)
		}
	}
	if block {
		return s.transfers[transfer]
	}
	return nil
}

// fresh makes the entry of a new request.
func (c *Conn) fresh(transfer string) *entry {
	s := &c.server
	if old := s.transfers[transfer]; old != nil && old.state == entryReceiving {
		s.forget(old) // its block 0 came again
	}
	s.serial++
	e := c.newEntry(s.serial)
	if e == nil {
		return nil
	}
	if s.messages == nil {
		s.messages, s.transfers = make(map[uint16]*entry), make(map[string]*entry)
	}
	e.transfer = transfer
	s.transfers[transfer] = e
	return e
}

// unname makes a forgotten entry impossible to find.
func (s *peers) unname(e *entry) {
	for _, id := range e.ids {
		s.unnameID(e, id)
	}
	if s.transfers[e.transfer] == e {
		delete(s.transfers, e.transfer)
	}
}

func (s *peers) unnameID(e *entry, id uint16) {
	if s.messages[id] == e {
		delete(s.messages, id)
	}
}

// transferName is what the blocks of one transfer have in common and others do not: method,
// and the options that name the resource, its representation and the transfer.
func transferName(m *Message) string {
	name := []byte{byte(m.Code)}
	for _, o := range m.Options {
		switch o.ID {
		case message.URIHost, message.URIPort, message.URIPath, message.URIQuery,
			message.ProxyURI, message.ProxyScheme, message.Accept, optionRequestTag:
			name = binary.BigEndian.AppendUint16(name, uint16(o.ID))
			name = binary.BigEndian.AppendUint16(name, uint16(len(o.Value)))
			name = append(name, o.Value...)
		}
	}
	return string(name)
}

// entryToken is the token of an answer: inside records it is the exchange's number.
func (c *Conn) entryToken(e *entry) message.Token {
	if c.config.Secure {
		return c.numberToken(e.key)
	}
	return e.token
}

func (c *Conn) tokenRoom(e *entry) int {
	if c.config.Secure {
		return tokenSize(e.key)
	}
	return maxToken
}

// peerAckDelay is long because several clients, libcoap's and go-coap's among them, take the
// blocks of a body in an answer on the acknowledgement alone, not in a separate one. Over a
// trusted path it costs nothing that they repeat a request once; they give up at 10 s and
// more.
const peerAckDelay = 5 * time.Second

// ackDelay is how long an answer may take to travel on the acknowledgement.
func (c *Conn) ackDelay() time.Duration {
	if c.config.Peer {
		return peerAckDelay
	}
	return ackDelay
}
