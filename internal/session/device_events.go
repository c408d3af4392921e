package session

import (
	"time"

	"github.com/pqcoap/pqcoap/coap"
	"github.com/pqcoap/pqcoap/handshake"
)

// EventKind tells the events of a Device and a Server apart.
type EventKind uint8

// The kinds of Event.
const (
	EventOpen         EventKind = iota // Device: m2 has opened
	EventClosed                        // the session has ended, Err says why
	EventRequest                       // a request of the peer, to be answered with Respond
	EventResponse                      // the response to request ID, or its failure in Err
	EventPong                          // the answer to ping ID, or its failure in Err
	EventWork                          // Server: public-key operations to be run
	EventNotification                  // a later state of what request ID observes
	EventCancelled                     // the observation that the answer to request ID opened has ended
	EventBody                          // the next bytes of the response to request ID
	EventRequestBody                   // the next bytes of request ID of the peer, or why no more come
	EventTicket                        // Device: a Ticket for the session after this one
	EventHeard                         // Server: a record of a Session that was to Listen has opened
	EventNotice                        // Server: Notice is for another Shard of the Group, see Hear
	EventDue                           // Server: the Client.Until of a Session has come; Extend, or CloseSession
	EventRefused                       // Server: a handshake has led to no session
)

// An Event is what happened to a session.
type Event struct {
	Kind    EventKind
	ID      uint64 // of the request or ping
	Message coap.Message
	More    bool // the body, or more of it, comes in events of its own
	Err     error
	Session *Session                   // Server only
	Ticket  *handshake.ResumptionState // EventTicket
	Work    *Work                      // EventWork
	Notice  *Notice                    // EventNotice
	Shard   int                        // EventNotice
	Refused *Refused                   // EventRefused
}

// Next is the next event, false if there is none.
func (d *Device) Next() (Event, bool) {
	if d.next == len(d.events) {
		d.events, d.next = d.events[:0], 0
		return Event{}, false
	}
	d.next++
	return d.events[d.next-1], true
}

// settle seals what CoAP has to send and takes its events, up to one that ends the session.
func (d *Device) settle(now time.Time, out *Outbox) {
	err := d.ch.flush(now, true, out, &d.stats.Records)
	for ev, ok := d.ch.coap.Next(); ok && d.state == open; ev, ok = d.ch.coap.Next() {
		d.take(now, ev, out)
	}
	if err != nil || d.ch.control.Exhausted() {
		d.end(ErrExhausted)
	}
}

// take turns an event of CoAP into one of the session.
func (d *Device) take(now time.Time, ev coap.Event, out *Outbox) {
	switch ev.Kind {
	case coap.EventFailed:
		d.failed(now, ev)
		return
	case coap.EventPong:
		if ev.ID == d.first { // the session's own first record
			return
		}
		delete(d.asked, ev.ID)
	case coap.EventResponse:
		delete(d.asked, ev.ID)
	}
	d.events = append(d.events, EventOf(ev))
}

// kinds are the events of a session's CoAP as those of the session.
var kinds = [...]EventKind{
	coap.EventRequest:      EventRequest,
	coap.EventResponse:     EventResponse,
	coap.EventFailed:       EventResponse,
	coap.EventPong:         EventPong,
	coap.EventNotification: EventNotification,
	coap.EventCancelled:    EventCancelled,
	coap.EventBody:         EventBody,
	coap.EventRequestBody:  EventRequestBody,
}

// EventOf is an event of CoAP as one of a session.
func EventOf(ev coap.Event) Event {
	return Event{Kind: kinds[ev.Kind], ID: ev.ID, Message: ev.Message, More: ev.More, Err: ev.Err}
}

// failed reports a request or ping without an answer. Without one to its first record the
// session has never been confirmed.
func (d *Device) failed(now time.Time, ev coap.Event) {
	if ev.ID == d.first {
		d.end(ErrHandshakeTimeout)
		return
	}
	d.events = append(d.events, EventOf(ev))
	d.doubt(now, ev.ID)
}

// doubt ends a session of which nothing was heard while a request waited long in vain: the
// server may have forgotten it.
func (d *Device) doubt(now time.Time, id uint64) {
	began, waits := d.asked[id]
	delete(d.asked, id)
	if waits && d.state == open && now.Sub(began) >= silence && d.heard.Before(began) {
		d.end(errSilent)
	}
}

// end closes the session, once.
func (d *Device) end(err error) {
	if d.state == closed {
		return
	}
	d.state, d.err = closed, err
	if d.ch != nil {
		d.ch.coap.Release()
	}
	d.events = append(d.events, Event{Kind: EventClosed, Err: err})
}
