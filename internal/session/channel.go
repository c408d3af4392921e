package session

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"time"

	"github.com/plgd-dev/go-coap/v3/message"

	"github.com/pqcoap/pqcoap/coap"
	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/record"
)

// alertClose is close_notify at level warning (docs/protocol.md section 13).
var alertClose = []byte{1, 0}

// confirmRing is how many of our last confirmable messages are remembered with the number
// of their record, to learn which records have arrived.
const confirmRing = 64

// A channel is CoAP inside records: one session after its handshake, at either end.
type channel struct {
	rec   *record.Conn
	coap  *coap.Conn
	sent  [confirmRing]sentMessage
	scrap *coap.Batch // shared by the channels of one owner, empty between calls

	closed bool // the peer has sent close_notify
}

type sentMessage struct {
	mid    uint16
	record record.RecordNumber
}

// newChannel starts the record layer from a handshake's result. sendID and receiveID are
// the connection IDs written and demanded, one of them empty. cfg.MaxMessage and cfg.Limit
// are UDP payloads.
func newChannel(r *handshake.Result, sendID, receiveID record.ConnectionID, cfg coap.Config, scrap *coap.Batch) (*channel, error) {
	rec, err := record.NewConn(record.Config{
		Suite:         record.CipherSuite(r.Suite.RecordSuite()),
		SendSecret:    r.SendSecret,
		ReceiveSecret: r.ReceiveSecret,
		SendID:        sendID,
		ReceiveID:     receiveID,
	})
	if err != nil {
		return nil, err
	}
	cfg.Secure = true
	cfg.MaxMessage -= rec.Overhead()
	cfg.MinMessage = leastPayload - rec.Overhead()
	if cfg.Limit > 0 {
		cfg.Limit -= rec.Overhead()
	}
	return &channel{rec: rec, coap: coap.NewConn(cfg), scrap: scrap}, nil
}

// payload is the largest UDP payload that the path is believed to carry.
func (ch *channel) payload() int { return ch.coap.Limit() + ch.rec.Overhead() }

// A delivery says what a datagram of records brought.
type delivery struct {
	opened   int  // records that opened
	newest   bool // one of them was the newest yet
	rejected int
	replayed int
}

// receive opens the records of a datagram, in place, and gives their content to CoAP. What
// CoAP answers goes to addr once the whole datagram is read.
func (ch *channel) receive(now time.Time, datagram []byte) delivery {
	var d delivery
	for len(datagram) > 0 {
		r, rest, err := ch.rec.Open(datagram)
		datagram = rest
		switch {
		case errors.Is(err, record.ErrReplayed):
			d.replayed++
		case err != nil:
			d.rejected++
		default:
			d.opened++
			d.newest = d.newest || r.Newest
			ch.content(now, r)
		}
	}
	return d
}

// content acts on one authentic record.
func (ch *channel) content(now time.Time, r record.Record) {
	switch r.Type {
	case record.ApplicationData:
		ch.learn(r.Content)
		ch.coap.Receive(now, r.Content, ch.scrap)
	case record.Alert:
		if len(r.Content) == 2 && r.Content[1] == alertClose[1] {
			ch.closed = true
		}
	}
}

// learn tells the record layer which of our records has arrived, when the peer acknowledges
// the message that was in it: the 8-bit record number depends on it.
func (ch *channel) learn(m []byte) {
	mid, kind, ok := peek(m)
	if !ok || (kind != message.Acknowledgement && kind != message.Reset) {
		return
	}
	if s := ch.sent[mid%confirmRing]; s.mid == mid {
		ch.rec.Confirm(s.record) // of no epoch at all where the place is empty
	}
}

// flush seals what CoAP has left in the scrap batch. An empty acknowledgement shares the
// datagram of the message behind it.
func (ch *channel) flush(to netip.AddrPort, out *Outbox, t *Traffic) error {
	defer ch.scrap.Reset()
	start := len(out.buf)
	for i := range ch.scrap.Len() {
		m := ch.scrap.Datagram(i)
		last := !ch.shares(i)
		ch.remember(m)
		buf, err := ch.rec.Seal(out.buf, record.ApplicationData, m, last)
		if err != nil {
			out.buf = out.buf[:start]
			return err
		}
		out.buf = buf
		if last {
			out.commit(to, start, buf)
			t.sent(len(buf) - start)
			start = len(buf)
		}
	}
	return nil
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

// peek reads the message ID and type of a CoAP message (RFC 7252 section 3).
func peek(m []byte) (id uint16, t message.Type, ok bool) {
	if len(m) < emptyMessage {
		return 0, 0, false
	}
	return binary.BigEndian.Uint16(m[2:]), message.Type(m[0] >> 4 & 3), true
}

// remember notes in which record a confirmable message leaves.
func (ch *channel) remember(m []byte) {
	if mid, kind, ok := peek(m); ok && kind == message.Confirmable {
		ch.sent[mid%confirmRing] = sentMessage{mid, ch.rec.Next()}
	}
}

// close seals a close_notify.
func (ch *channel) close(to netip.AddrPort, out *Outbox, t *Traffic) {
	start := len(out.buf)
	buf, err := ch.rec.Seal(out.buf, record.Alert, alertClose, true)
	if err != nil {
		return // at the limit of its key a session ends without a word
	}
	out.commit(to, start, buf)
	t.sent(len(buf) - start)
}
