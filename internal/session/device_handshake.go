package session

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/plgd-dev/go-coap/v3/message"
	"github.com/plgd-dev/go-coap/v3/message/codes"

	"github.com/pqcoap/pqcoap/coap"
	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/record"
)

const (
	// maxHandshakeBody bounds m1, m2 and cred_S (docs/protocol.md section 4).
	maxHandshakeBody = handshake.MaxM1
	// A cred_S is as much longer than its key, in the pinned form, and by a signature of
	// ML-DSA-44 (FIPS 204 table 2) at least in the certified one.
	pinnedFraming  = 16
	leastSignature = 2420
	// maxHints is how many unsealed failures end an attempt (docs/protocol.md section 9).
	maxHints = 4
	// firstPause follows the first unsealed failure, doubling after each.
	firstPause = 200 * time.Millisecond
)

// hsPath is the resource of the handshake.
func hsPath() message.Options { return message.Options{{ID: message.URIPath, Value: []byte("hs")}} }

// initiate makes m1 and sends it.
func (d *Device) initiate(now time.Time, out *Outbox) error {
	i, err := handshake.NewInitiator(d.cfg.Rand, handshake.InitiatorConfig{
		Server:     d.cfg.Server,
		Key:        d.cfg.Key,
		Token:      d.cfg.Token,
		PSK:        d.cfg.PSK,
		Parameters: d.parameters(),
	})
	if err != nil {
		return err
	}
	d.attempt, d.resumer = i, nil
	return d.post(now, out)
}

// post sends m1, under a new Request-Tag each time.
func (d *Device) post(now time.Time, out *Outbox) error {
	d.state = handshaking
	d.stats.M1 = len(d.attempt.M1())
	m := coap.Message{Code: codes.POST, Options: hsPath(), Payload: d.attempt.M1()}
	return d.send(now, m, d.attempt.ResponseSize(), out)
}

// send starts the one exchange that the plain lane has at a time.
func (d *Device) send(now time.Time, m coap.Message, expect int, out *Outbox) error {
	id, err := d.plain.Request(now, m, coap.RequestOptions{
		ExpectBody: expect,
		Timeout:    d.deadline.Sub(now),
		Echo:       d.cfg.Echo,
	}, &d.scrap)
	d.transfer = id
	d.flushPlain(out)
	return err
}

func (d *Device) flushPlain(out *Outbox) {
	for i := range d.scrap.Len() {
		b := d.scrap.Datagram(i)
		d.stats.Handshake.sent(len(b))
		out.add(netip.AddrPort{}, netip.Addr{}, b)
	}
	d.scrap.Reset()
}

func (d *Device) receivePlain(now time.Time, datagram []byte, out *Outbox) {
	if d.plain == nil {
		return // what comes late of the handshake
	}
	d.plain.Receive(now, datagram, &d.scrap)
	d.flushPlain(out)
	d.answers(now, out)
}

func (d *Device) advanceHandshake(now time.Time, out *Outbox) {
	if !now.Before(d.deadline) {
		d.end(d.timeout())
		return
	}
	switch {
	case !d.giveUpAt.IsZero() && !now.Before(d.giveUpAt):
		d.fallBack(now, out)
	case !d.retryAt.IsZero() && !now.Before(d.retryAt):
		d.retry(now, out)
	}
	d.plain.Advance(now, &d.scrap)
	d.flushPlain(out)
	d.answers(now, out)
}

// timeout names the last hint, so that a person sees what may be wrong.
func (d *Device) timeout() error {
	if d.hint != nil {
		return fmt.Errorf("%w; the last unproven one: %w", ErrHandshakeTimeout, d.hint)
	}
	return ErrHandshakeTimeout
}

// answers takes the events of the plain lane.
func (d *Device) answers(now time.Time, out *Outbox) {
	for d.plain != nil && d.state != closed {
		ev, ok := d.plain.Next()
		if !ok {
			return
		}
		if ev.ID == d.transfer {
			d.answer(now, ev, out)
		}
	}
}

// answer acts on the end of a transfer: none of it is authentic until it opens.
func (d *Device) answer(now time.Time, ev coap.Event, out *Outbox) {
	switch {
	case ev.Kind == coap.EventFailed:
		d.failure(now, ev.Err)
	case ev.Message.Code == codes.Changed && d.state == handshaking:
		d.finish(now, ev.Message.Payload, out)
	case ev.Message.Code == codes.Content && d.state == fetching:
		d.trust(now, ev.Message.Payload, out)
	default:
		d.failure(now, &HintError{ev.Message.Code})
	}
}

// failure waits, and tries again; after maxHints of them the attempt ends.
func (d *Device) failure(now time.Time, hint error) {
	if d.checking { // what there was to say has been said
		d.end(d.timeout())
		return
	}
	d.hint, d.hints = hint, d.hints+1
	d.stats.Hints++
	switch {
	case d.hints < maxHints:
		d.doubtServer(hint)
		d.retryAt = now.Add(firstPause << (d.hints - 1))
	case d.resumer != nil: // at the least opportune moment for a full handshake, perhaps
		d.giveUpAt = earliest(d.giveUpAt, now)
	case d.explains(hint):
		d.checking, d.retryAt = true, now
		d.deadline = earliest(d.deadline, now.Add(checkTime))
	default:
		d.end(d.timeout())
	}
}

func (d *Device) retry(now time.Time, out *Outbox) {
	d.retryAt = time.Time{}
	var err error
	switch {
	case d.state == fetching, d.checking:
		err = d.fetch(now, out)
	case d.attempt == nil:
		err = d.begin(now, out)
	default:
		err = d.post(now, out)
	}
	if err != nil {
		d.end(err)
	}
}

// finish opens m2, or a sealed refusal. What does not open is fetched again.
func (d *Device) finish(now time.Time, m2 []byte, out *Outbox) {
	r, err := d.attempt.Finish(m2)
	var refusal *handshake.Refusal
	switch {
	case errors.As(err, &refusal) && d.resumer != nil:
		d.refusedTicket(now, refusal, out)
	case errors.As(err, &refusal):
		d.refused(now, refusal)
	case err != nil:
		d.plain.Refetch(now, d.transfer, &d.scrap)
		d.flushPlain(out)
	default:
		d.stats.M2 = len(m2)
		d.establish(now, r)
	}
}

// refused believes a refusal: only the server can have sealed it.
func (d *Device) refused(now time.Time, refusal *handshake.Refusal) {
	at := now.Add(refusal.RetryAfter)
	if refusal.Code != handshake.RefusedOverload || !at.Before(d.deadline) {
		d.end(refusal)
		return
	}
	// The same m1 would get the same refusal: the next attempt makes new keys.
	d.hint, d.retryAt, d.attempt, d.resumer, d.giveUpAt = refusal, at, nil, nil, time.Time{}
}

// establish starts the record layer.
func (d *Device) establish(now time.Time, r *handshake.Result) {
	id, err := record.NewConnectionID(r.ConnectionID)
	if err == nil {
		d.ch, err = newChannel(now, r, id, record.ConnectionID{}, coap.Config{
			Rand:       d.cfg.Rand,
			Forward:    d.cfg.Forward,
			MaxMessage: payloadLimit(d.cfg.MaxUDPPayload, r.Peer),
			MaxBody:    d.cfg.MaxBody,
			Stream:     d.cfg.Stream,
			Limit:      d.plain.Limit(),
			RTT:        d.plain.RTT(),
		}, d.cfg.Update, &d.scrap)
	}
	if err != nil {
		d.end(fmt.Errorf("handshake: the server's parameters cannot be used: %w", err))
		return
	}
	d.result, d.plain, d.attempt = r, nil, nil
	if d.resumer == nil {
		d.trusts = d.fingerprint()
	}
	d.stats.Resumed, d.resumer = d.resumer != nil, nil
	d.state, d.stats.Opened = open, now
	d.pingAt = now.Add(pingAfter)
	d.events = append(d.events, Event{Kind: EventOpen})
}

// payloadLimit is the largest UDP payload toward a peer: the smaller of what we configured
// and what it takes.
func payloadLimit(ours int, peer handshake.Parameters) int {
	if peer.MaxUDPPayload == 0 {
		return min(ours, MaxUDPPayload)
	}
	return min(ours, int(peer.MaxUDPPayload))
}

// Hint is the last unproven failure of a handshake under way, nil if there was none.
func (d *Device) Hint() error { return d.hint }
