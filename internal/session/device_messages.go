package session

import (
	"time"

	"github.com/pqcoap/pqcoap/coap"
)

// Ping asks the server for a sign of life; its answer comes as an EventPong.
func (d *Device) Ping(now time.Time, out *Outbox) (uint64, error) {
	if d.state != open {
		return 0, ErrClosed
	}
	d.pingAt = time.Time{}
	id := d.ch.coap.Ping(now, &d.scrap)
	d.asked[id] = now
	d.settle(now, out)
	return id, nil
}

// Respond answers an EventRequest. body, unless nil, takes the place of m's payload: see
// [coap.Conn.RespondBody].
func (d *Device) Respond(now time.Time, id uint64, m coap.Message, body coap.Body, out *Outbox) error {
	if d.state != open {
		return ErrClosed
	}
	err := d.ch.coap.RespondBody(now, id, m, body, &d.scrap)
	d.settle(now, out)
	return err
}

// Consumed notes that n bytes of the response to a request have been taken.
func (d *Device) Consumed(now time.Time, id uint64, n int, out *Outbox) {
	if d.state == open {
		d.ch.coap.Consumed(now, id, n, &d.scrap)
		d.settle(now, out)
	}
}

// ConsumedRequest notes that n bytes of a request of the server have been taken.
func (d *Device) ConsumedRequest(now time.Time, id uint64, n int) {
	if d.state == open {
		d.ch.coap.ConsumedRequest(now, id, n)
	}
}

// Notify sends a new state to the observation that the answer to request id opened: see
// [coap.Conn.Notify].
func (d *Device) Notify(now time.Time, id uint64, m coap.Message, out *Outbox) error {
	if d.state != open {
		return ErrClosed
	}
	err := d.ch.coap.Notify(now, id, m, &d.scrap)
	d.settle(now, out)
	return err
}

// EndObservation forgets an observation without a word.
func (d *Device) EndObservation(now time.Time, id uint64) {
	if d.state == open {
		d.ch.coap.EndObservation(now, id)
	}
}

// Room tells whether the server may open one observation more.
func (d *Device) Room() bool { return d.state == open && d.ch.coap.Room() }
