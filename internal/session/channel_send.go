package session

import (
	"net/netip"
	"time"

	"github.com/plgd-dev/go-coap/v3/message"

	"github.com/pqcoap/pqcoap/record"
)

// flush seals what is to be sent: CoAP, answers to challenges, what keys and tickets need, and
// challenges. answer says that it answers something which the peer has just sent.
func (ch *channel) flush(now time.Time, answer bool, out *Outbox, t *Traffic) error {
	err := ch.flushCoAP(now, answer, out, t)
	for _, r := range ch.replies {
		if err == nil {
			err = ch.seal(record.ReturnRoutability, r.message.Append(nil), out, t, func(int) netip.AddrPort { return r.to })
		}
	}
	ch.replies = ch.replies[:0]
	if err != nil {
		return err
	}
	if err := ch.flushControl(now, answer, out, t); err != nil {
		return err
	}
	return ch.flushChallenges(now, out, t)
}

// flushCoAP seals what CoAP has left in the scrap batch. An empty acknowledgement shares the
// datagram of the message behind it.
func (ch *channel) flushCoAP(now time.Time, answer bool, out *Outbox, t *Traffic) error {
	defer ch.scrap.Reset()
	start, content := len(out.buf), 0
	for i := range ch.scrap.Len() {
		m := ch.scrap.Datagram(i)
		content += len(m)
		last := !ch.shares(i)
		ch.remember(m)
		buf, err := ch.rec.Seal(out.buf, record.ApplicationData, m, last)
		if err != nil {
			out.buf = out.buf[:start]
			return err
		}
		out.buf = buf
		if last {
			if ch.post(ch.route(now, len(buf)-start, answer), start, out, t) {
				t.ContentOut += uint64(content)
			}
			start, content = len(out.buf), 0
		}
	}
	return nil
}

// flushControl seals an acknowledgement, a key update or a ticket.
func (ch *channel) flushControl(now time.Time, answer bool, out *Outbox, t *Traffic) error {
	if !ch.control.Pending(now) {
		return nil
	}
	start := len(out.buf)
	buf, err := ch.control.Append(now, out.buf, true)
	if err != nil || len(buf) == start {
		return err
	}
	out.buf = buf
	ch.post(ch.route(now, len(buf)-start, answer), start, out, t)
	return nil
}

// flushChallenges asks addresses whether the peer is there.
func (ch *channel) flushChallenges(now time.Time, out *Outbox, t *Traffic) error {
	if ch.path == nil {
		return nil
	}
	size := ch.rec.Overhead() + record.PathMessageSize
	for {
		m, to, ok, err := ch.path.Challenge(now, ch.rand, size)
		if err != nil || !ok {
			return err
		}
		if err := ch.seal(record.ReturnRoutability, m.Append(nil), out, t, func(int) netip.AddrPort { return to }); err != nil {
			return err
		}
	}
}

// seal makes a datagram of one record.
func (ch *channel) seal(kind record.ContentType, content []byte, out *Outbox, t *Traffic, route func(size int) netip.AddrPort) error {
	start := len(out.buf)
	buf, err := ch.rec.Seal(out.buf, kind, content, true)
	if err != nil {
		return err
	}
	out.buf = buf
	ch.post(route(len(buf)-start), start, out, t)
	return nil
}

// post makes a datagram of what has been sealed since start. What may go nowhere yet, since the
// peer has not been heard where it should be, is as good as lost on its way: sent is false.
func (ch *channel) post(to netip.AddrPort, start int, out *Outbox, t *Traffic) (sent bool) {
	if ch.path != nil && !to.IsValid() {
		out.buf = out.buf[:start]
		return false
	}
	t.sent(len(out.buf) - start)
	out.commit(to, ch.local(to), start, out.buf)
	return true
}

// shares reports whether message i of the batch is an empty one that leaves room in its
// datagram for the message behind it.
func (ch *channel) shares(i int) bool {
	if i+1 >= ch.scrap.Len() || len(ch.scrap.Datagram(i)) > emptyMessage {
		return false
	}
	return emptyMessage+len(ch.scrap.Datagram(i+1))+2*ch.rec.Overhead()+2 <= ch.payload()
}

// emptyMessage is the size of an Empty CoAP message (RFC 7252 section 4.1).
const emptyMessage = 4

// remember notes in which record a confirmable message leaves.
func (ch *channel) remember(m []byte) {
	if mid, kind, ok := peek(m); ok && kind == message.Confirmable {
		ch.sent[mid%confirmRing] = sentMessage{mid, ch.rec.Next()}
	}
}
