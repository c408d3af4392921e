package lasting

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"net/netip"
	"time"

	"github.com/pqcoap/pqcoap/internal/session"
)

// fromServer takes the server's events and sends what it has to send.
func (w *World) fromServer() {
	server := w.server
	for ev, ok := server.Next(); ok; ev, ok = server.Next() {
		switch ev.Kind {
		case session.EventWork:
			ev.Work.Run()
			server.Done(w.Now, ev.Work, &w.out)
		case session.EventClosed:
			w.requests.end(ev.Session)
		case session.EventRequest:
			w.serve(ev, ev.Session, func(now time.Time) error {
				if w.server != server {
					return session.ErrClosed
				}
				return server.Respond(now, ev.Session, ev.ID, w.answer(ev), nil, &w.out)
			})
		case session.EventResponse:
			w.answered(ev.Session, ev)
		}
	}
	w.send(Server)
}

// Session is the device's session at the server, nil if there is none.
func (w *World) Session() *session.Session { return w.server.Device(w.Now, DeviceName) }

// Stats are those of the server since its last restart.
func (w *World) Stats() session.ServerStats { return w.server.Stats() }

// Peer is where the server sends to.
func (w *World) Peer() netip.AddrPort {
	if s := w.Session(); s != nil {
		return s.Peer()
	}
	return netip.AddrPort{}
}

// Restart has the server begin again without its sessions.
func (w *World) Restart() {
	w.requests.endAll(func(owner any) bool { _, ok := owner.(*session.Session); return ok })
	w.era++
	w.server = w.newServer()
}

// PlannedRestart has the server save its sessions, and load them when it begins again after a
// time.
func (w *World) PlannedRestart(pause time.Duration) error {
	state, err := session.Save(w.server)
	if err != nil {
		return err
	}
	w.fromServer()
	w.era++
	w.server, w.down = w.newServer(), true
	w.Pass(pause)
	w.down = false
	err = session.Load(w.Now, state, w.server)
	w.fromServer()
	return err
}

// isReset reports that a datagram ends in the token of an ID that the server has given, in this
// life or in one before (docs/protocol.md section 13).
func (w *World) isReset(datagram []byte) bool {
	for _, id := range w.ids {
		for era := range w.era + 1 {
			mac := hmac.New(sha256.New, w.secrets[2][:])
			mac.Write(binary.BigEndian.AppendUint32(nil, era))
			mac.Write(id)
			if bytes.HasSuffix(datagram, mac.Sum(nil)[:16]) {
				return true
			}
		}
	}
	return false
}

// Shutdown has the server close all its sessions, and begin again.
func (w *World) Shutdown() {
	w.server.Close(w.Now, &w.out)
	w.fromServer()
	w.Restart()
}

// CloseSession has the server end the device's session and tell it.
func (w *World) CloseSession() {
	if s := w.Session(); s != nil {
		w.server.CloseSession(w.Now, s, &w.out)
		w.fromServer()
	}
}

// ticketLifetime is that of the server's tickets.
var ticketLifetime = session.DefaultLimits.Lifetime

// RotateTicketKeys has the server begin again with its sessions and one more ticket key.
func (w *World) RotateTicketKeys() error {
	keys, err := w.tickets.Rotate(w.random, w.Now, w.Now, ticketLifetime)
	if err != nil {
		return err
	}
	w.tickets = keys
	return w.PlannedRestart(0)
}

// Revoke has the server not let the device in any more.
func (w *World) Revoke() { w.revoked = true }
