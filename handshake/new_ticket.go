package handshake

import (
	"fmt"
	"time"
)

// A NewTicket is what a server sends in a record of a session, so that the next one can
// begin with a resumption (docs/protocol.md section 16.1).
type NewTicket struct {
	Ticket   []byte        // opaque to the device
	Lifetime time.Duration // whole seconds
	Small    time.Duration // how long the small form is allowed, whole seconds; 0: not at all
}

type newTicketObject struct {
	_        struct{} `cbor:",toarray"`
	Ticket   []byte
	Lifetime uint64
	Small    uint64
}

// Append appends the content of the message NewTicket to b.
func (t *NewTicket) Append(b []byte) []byte {
	return append(b, encode(newTicketObject{
		Ticket: t.Ticket, Lifetime: uint64(t.Lifetime / time.Second), Small: uint64(t.Small / time.Second),
	})...)
}

// ParseNewTicket decodes what Append made. It fails with ErrMalformed. The result does not
// alias b.
func ParseNewTicket(b []byte) (*NewTicket, error) {
	var o newTicketObject
	if err := decode(b, &o); err != nil {
		return nil, err
	}
	if len(o.Ticket) < minTicket || len(o.Ticket) > maxTicket {
		return nil, fmt.Errorf("%w: size of a ticket", ErrMalformed)
	}
	return &NewTicket{o.Ticket, seconds(o.Lifetime), seconds(o.Small)}, nil
}
