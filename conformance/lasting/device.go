package lasting

import (
	"bytes"
	"errors"
	"net/netip"
	"time"

	"github.com/pqcoap/pqcoap/conformance/audit"
	"github.com/pqcoap/pqcoap/internal/session"
)

// errAwake says that there is a session already, or that there is none.
var errAwake = errors.New("the device is not in a state for that")

func (w *World) deviceConfig() session.DeviceConfig {
	return session.DeviceConfig{
		Server:    w.id.server.ServerCredential(),
		Suite:     w.cfg.Suite,
		Key:       w.id.device,
		Rand:      w.random,
		Ephemeral: w.Ephemeral,
		Update:    w.cfg.DeviceUpdate,
	}
}

// Open begins a session: by the state of an orderly sleep, by a ticket, or by a full handshake.
// What is used is used up before the first datagram leaves.
func (w *World) Open() error {
	if w.device != nil {
		return errAwake
	}
	state, ticket := w.state, w.ticket
	if w.state = nil; state != nil {
		device, err := session.RestoreDevice(w.Now, w.deviceConfig(), state)
		if err == nil {
			w.device = device
			w.fromDevice()
			return nil
		}
		if !errors.Is(err, session.ErrState) {
			return err
		}
	}
	cfg := w.deviceConfig()
	cfg.Resume, w.ticket = ticket, nil
	device, err := session.NewDevice(w.Now, cfg, &w.out)
	if err != nil {
		return err
	}
	w.device = device
	w.fromDevice()
	return nil
}

// Sleep ends the device in an orderly way. ErrUnderWay of session where it has something to do.
func (w *World) Sleep() error {
	if w.device == nil {
		return errAwake
	}
	device := w.device
	state, err := device.Save()
	if err != nil {
		return err
	}
	w.state = bytes.Clone(state)
	w.fromDevice()
	return nil
}

// Crash takes the device away without a word. The ticket is on disk.
func (w *World) Crash() {
	w.requests.end(w.device)
	w.device, w.state = nil, nil
}

// Forget takes the ticket away.
func (w *World) Forget() { w.ticket = nil }

// CloseDevice ends the session at the device, and tells the server.
func (w *World) CloseDevice() {
	if w.device != nil {
		w.device.Close(w.Now, &w.out)
		w.fromDevice()
	}
}

// Rebind gives the device another address: what is sent to the one before is lost.
func (w *World) Rebind() {
	w.Address = netip.AddrPortFrom(w.Address.Addr(), w.Address.Port()+1)
}

// Live reports that the device has an open session.
func (w *World) Live() bool { return w.device != nil && w.device.Result() != nil }

// Resumed reports that the device's session was opened by a ticket.
func (w *World) Resumed() bool { return w.device != nil && w.device.Stats().Resumed }

// Ticketed reports that the device has a ticket.
func (w *World) Ticketed() bool { return w.ticket != nil }

// Ended is why the last session of the device ended.
func (w *World) Ended() error { return w.ended }

// Inject gives the device a datagram that somebody has made up.
func (w *World) Inject(datagram []byte) {
	if w.device != nil {
		w.device.Receive(w.Now, datagram, &w.out)
		w.fromDevice()
	}
}

// fromDevice takes the device's events and sends what it has to send.
func (w *World) fromDevice() {
	device := w.device
	for ev, ok := device.Next(); ok; ev, ok = device.Next() {
		switch ev.Kind {
		case session.EventOpen:
			w.opened(device)
		case session.EventTicket:
			w.ticket = ev.Ticket
		case session.EventClosed:
			w.ended = ev.Err
			if errors.Is(ev.Err, session.ErrReset) {
				w.Seen.Reset++
			}
			if w.device == device {
				w.device = nil
			}
			w.requests.end(device)
		case session.EventRequest:
			w.serve(ev, device, func(now time.Time) error {
				if w.device != device {
					return session.ErrClosed
				}
				return device.Respond(now, ev.ID, w.answer(ev), nil, &w.out)
			})
		case session.EventResponse:
			w.answered(device, ev)
		}
	}
	w.send(w.Address)
}

// Seen counts how the sessions of a device began, and those that ended since the server had
// forgotten them.
type Seen struct {
	Full, Resumed, Restored, Reset int
}

// opened tells the auditor the secrets of a session that has not been restored.
func (w *World) opened(device *session.Device) {
	r := device.Result()
	switch {
	case r.SendSecret == nil:
		w.Seen.Restored++
		return
	case device.Stats().Resumed:
		w.Seen.Resumed++
	default:
		w.Seen.Full++
	}
	w.ids = append(w.ids, r.ConnectionID)
	err := w.Audit.Open(audit.Session{
		CipherSuite: r.Suite.RecordSuite(), ToServer: r.SendSecret, ToDevice: r.ReceiveSecret,
		ConnectionID: r.ConnectionID, ResetToken: r.ResetToken,
	})
	if err != nil {
		w.fail(err)
	}
}
