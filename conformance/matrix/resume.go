package matrix

import (
	"errors"

	"github.com/pqcoap/pqcoap/handshake"
)

// Resume says how the sessions of a cell begin: by a handshake, or by a ticket of the session
// before, which is no part of what is measured.
type Resume uint8

// The forms of resumption.
const (
	Full          Resume = iota // none: a handshake
	Small                       // without a KEM key
	ForwardSecret               // with one
)

func (r Resume) String() string { return [...]string{"full", "small", "forward secret"}[r] }

// ticketKeys are those of the server, where sessions of the cell are resumed.
func (w *world) ticketKeys() *handshake.TicketKeys {
	if w.cell.Resume == Full {
		return nil
	}
	keys, err := handshake.NewTicketKeys(w.random, w.now)
	if err != nil {
		panic("matrix: " + err.Error()) // the random source does not fail
	}
	return keys
}

// before makes the session whose ticket the one that is measured begins with.
func (w *world) before() error {
	if w.cell.Resume == Full {
		return nil
	}
	w.tries = true
	if err := w.open(); err != nil {
		return err
	}
	for range maxBefore {
		if w.ticket != nil {
			break
		}
		w.step()
	}
	if w.ticket == nil {
		return errNoTicket
	}
	w.flights, w.tries, w.ended, w.result = nil, false, false, Handshake{}
	return nil
}

// maxBefore is more than enough steps for a session to give its ticket.
const maxBefore = 1000

var (
	errNoTicket   = errors.New("the session before gave no ticket")
	errNotResumed = errors.New("a handshake took the place of the resumption")
)
