package session

import (
	"errors"
	"time"

	"github.com/pqcoap/pqcoap/handshake"
)

// resumptionTime is how long a resumption is tried until a full handshake takes its place.
const resumptionTime = 20 * time.Second

// An attempt is a handshake that has sent its first message: a full one or a resumption.
type attempt interface {
	M1() []byte
	ResponseSize() int
	Finish(b []byte) (*handshake.Result, error)
	Close()
}

// A resumption is a Resumer as an attempt.
type resumption struct{ *handshake.Resumer }

func (r resumption) M1() []byte { return r.M1R() }

// resumes makes m1r where there is a ticket that belongs to what the device is and trusts now.
func (d *Device) resumes() bool {
	state := d.cfg.Resume
	d.cfg.Resume = nil
	if state == nil || !d.started.Before(state.Expires) {
		return false
	}
	r, err := handshake.NewResumer(d.cfg.Rand, state, handshake.ResumerConfig{
		Suite:      d.cfg.Suite,
		Server:     d.followed(state.Fingerprint()),
		Key:        d.cfg.Key,
		PSK:        d.cfg.PSK,
		Parameters: sparse(d.parameters(), 0),
		Ephemeral:  d.cfg.Ephemeral || !d.started.Before(state.SmallUntil),
	})
	if err != nil {
		return false
	}
	d.resumer, d.attempt, d.trusts = r, resumption{r}, state.Fingerprint()
	d.giveUpAt = d.started.Add(resumptionTime)
	return true
}

// fingerprint is that of the key which the device trusts.
func (d *Device) fingerprint() [32]byte {
	if d.cfg.Server != nil {
		return d.cfg.Server.Fingerprint()
	}
	return d.cfg.Fingerprint
}

// followed is the fingerprint among those that the device trusts which a session or ticket of
// another may go by: that of a key which has been followed by the one it trusts now is as good.
func (d *Device) followed(of [32]byte) [32]byte {
	if d.cfg.Former != [32]byte{} && of == d.cfg.Former {
		return of
	}
	return d.fingerprint()
}

// sparse leaves out of parameters what the other side takes for granted: resumptions are to be
// small. idle is the default of who sends them.
func sparse(p handshake.Parameters, idle time.Duration) handshake.Parameters {
	if p.MaxUDPPayload == MaxUDPPayload {
		p.MaxUDPPayload = 0
	}
	if p.IdleTimeout == idle {
		p.IdleTimeout = 0
	}
	p.Echo = nil
	return p
}

func (d *Device) parameters() handshake.Parameters {
	return handshake.Parameters{
		MaxUDPPayload: uint16(d.plain.Limit()),
		IdleTimeout:   d.cfg.IdleTimeout,
	}
}

// refusedTicket believes a refusal of a resumption, which only the server can have sealed. It
// wants a KEM key, a full handshake, or, where another try is worth waiting for, none now.
func (d *Device) refusedTicket(now time.Time, refusal *handshake.Refusal, out *Outbox) {
	switch refusal.Code {
	case handshake.RefusedSmallForm:
		if d.resumer.Retry(d.cfg.Rand) == nil && d.post(now, out) == nil {
			return
		}
		d.fallBack(now, out)
	case handshake.RefusedTicket:
		d.fallBack(now, out)
	default:
		d.refused(now, refusal)
	}
}

// fallBack goes on with a full handshake, with the server's key that is pinned: who forces a
// device into that gains nothing but the device's work. The ticket has been used.
func (d *Device) fallBack(now time.Time, out *Outbox) {
	d.attempt.Close()
	d.plain.Cancel(now, d.transfer, &d.scrap)
	d.attempt, d.resumer, d.giveUpAt, d.retryAt, d.hints = nil, nil, time.Time{}, time.Time{}, 0
	if err := d.begin(now, out); err != nil {
		d.end(err)
	}
}

// takeTickets turns the tickets that have come into what the next session can begin with.
func (d *Device) takeTickets(now time.Time) {
	for _, body := range d.ch.tickets {
		t, err := handshake.ParseNewTicket(body)
		if err != nil {
			continue // of another version
		}
		state, err := handshake.NewResumptionState(now, d.result, t)
		if errors.Is(err, handshake.ErrMisuse) {
			continue
		}
		d.events = append(d.events, Event{Kind: EventTicket, Ticket: state})
	}
	d.ch.tickets = nil
}
