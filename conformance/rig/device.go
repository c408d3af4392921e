package rig

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"time"

	"github.com/pqcoap/pqcoap/coap"
	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/internal/session"
)

// ErrNoAnswer: nothing that counts has come in time.
var ErrNoAnswer = errors.New("rig: no answer in time")

// A Device is a session on a socket that is its own while one of its methods runs: several can take
// turns at one. It reads only then.
type Device struct {
	Ticket *handshake.ResumptionState // of the session after this one, once it has come
	Alone  bool                       // nobody else reads from the socket: its deadline is set when it has to be

	socket *net.UDPConn
	server netip.AddrPort
	engine *session.Device
	out    session.Outbox
	buf    []byte
	armed  time.Time // the deadline of the socket, where that is known
}

// Open makes a handshake, or a resumption where cfg has one, until the deadline of ctx.
func Open(ctx context.Context, socket *net.UDPConn, server netip.AddrPort, cfg session.DeviceConfig) (*Device, error) {
	if cfg.Rand == nil {
		cfg.Rand = rand.Reader
	}
	d := &Device{socket: socket, server: server, buf: make([]byte, 2048)}
	var err error
	if d.engine, err = session.NewDevice(time.Now(), cfg, &d.out); err != nil {
		return nil, err
	}
	_, err = d.until(ctx, func(ev *session.Event) bool { return ev.Kind == session.EventOpen })
	return d, err
}

// Confirm waits until the server has the session too, and has sent its ticket.
func (d *Device) Confirm(ctx context.Context) error {
	id, err := d.engine.Ping(time.Now(), &d.out)
	if err != nil {
		return err
	}
	pong := false
	_, err = d.until(ctx, func(ev *session.Event) bool {
		pong = pong || ev.Kind == session.EventPong && ev.ID == id
		return pong && d.Ticket != nil
	})
	return err
}

// Do makes a request whose answer fits into a message.
func (d *Device) Do(ctx context.Context, m coap.Message) (coap.Message, error) {
	id, err := d.engine.Request(time.Now(), m, coap.RequestOptions{}, &d.out)
	if err != nil {
		return coap.Message{}, err
	}
	ev, err := d.until(ctx, func(ev *session.Event) bool { return ev.Kind == session.EventResponse && ev.ID == id })
	return ev.Message, err
}

// Close ends the session and tells the server. The socket stays.
func (d *Device) Close() {
	d.engine.Close(time.Now(), &d.out)
	d.flush()
}

// Stats is what the session has cost, without what is still unread.
func (d *Device) Stats() session.DeviceStats { return d.engine.Stats() }

// Result describes the session.
func (d *Device) Result() *handshake.Result { return d.engine.Result() }

// until drives the session until an event is the one, which it returns.
func (d *Device) until(ctx context.Context, is func(*session.Event) bool) (session.Event, error) {
	limit, ok := ctx.Deadline()
	if !ok {
		limit = time.Now().Add(session.HandshakeTimeout)
	}
	for {
		for ev, ok := d.engine.Next(); ok; ev, ok = d.engine.Next() {
			if ev.Kind == session.EventTicket {
				d.Ticket = ev.Ticket
			}
			if ev.Kind == session.EventClosed {
				d.flush()
				return ev, fmt.Errorf("rig: the session has ended: %w", ev.Err)
			}
			if is(&ev) {
				d.flush()
				return ev, ev.Err
			}
		}
		d.flush()
		if err := d.step(ctx, limit); err != nil {
			return session.Event{}, err
		}
	}
}

// step waits for a datagram, or until something is due.
func (d *Device) step(ctx context.Context, limit time.Time) error {
	wake := limit
	if due := d.engine.Deadline(); !due.IsZero() && due.Before(wake) {
		wake = due
	}
	if !d.Alone || d.armed.IsZero() || wake.Before(d.armed) { // one that comes too early does no harm
		d.armed = wake
		d.socket.SetReadDeadline(wake)
	}
	n, from, err := d.socket.ReadFromUDPAddrPort(d.buf)
	now := time.Now()
	switch {
	case err == nil && from == d.server:
		d.engine.Receive(now, d.buf[:n], &d.out)
	case errors.Is(err, os.ErrDeadlineExceeded):
		d.armed = time.Time{}
		d.engine.Advance(now, &d.out)
	case errors.Is(err, net.ErrClosed):
		return err
	}
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case !now.Before(limit):
		return ErrNoAnswer
	}
	return nil
}

func (d *Device) flush() {
	for _, b := range d.out.All() {
		d.socket.WriteToUDPAddrPort(b, d.server) // what cannot be sent is lost
	}
	d.out.Reset()
}
