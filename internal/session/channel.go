package session

import (
	"encoding/binary"
	"errors"
	"io"
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

// An Update says when a session replaces its keys before it has to (docs/protocol.md section
// 11.2). The zero value does so at the limits of the AEAD only.
type Update struct {
	Age     time.Duration // of a key in use; 0: any
	Records uint64        // sealed by a key; 0: any number
}

// A channel is CoAP inside records: one session after its handshake, at either end.
type channel struct {
	rec     *record.Conn
	control *record.Control
	path    *record.Path   // of a device; nil at a device, whose server does not move
	at      netip.Addr     // of ours, by which the peer has found us
	apart   netip.AddrPort // where the peer was heard last, other than at the address of path
	apartAt netip.Addr     // of ours, at which it was
	coap    *coap.Conn
	rand    io.Reader
	sent    [confirmRing]sentMessage
	scrap   *coap.Batch // shared by the channels of one owner, empty between calls

	replies []reply
	tickets [][]byte // NewTicket messages that have come
	closed  bool     // the peer has sent close_notify
}

type sentMessage struct {
	mid    uint16
	record record.RecordNumber // of epoch 0 where there is none
}

// A reply is the answer to a path challenge.
type reply struct {
	message record.PathMessage
	to      netip.AddrPort
}

// newChannel starts the record layer from a handshake's result. sendID and receiveID are
// the connection IDs written and demanded, one of them empty. cfg.MaxMessage and cfg.Limit
// are UDP payloads.
func newChannel(now time.Time, r *handshake.Result, sendID, receiveID record.ConnectionID, cfg coap.Config, update Update, scrap *coap.Batch) (*channel, error) {
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
	return wrap(rec, record.NewControl(rec, update.config(), now), cfg, scrap), nil
}

func (u Update) config() record.ControlConfig {
	return record.ControlConfig{MaxAge: u.Age, MaxRecords: u.Records}
}

// wrap puts CoAP into records.
func wrap(rec *record.Conn, control *record.Control, cfg coap.Config, scrap *coap.Batch) *channel {
	cfg.Secure = true
	cfg.MaxMessage -= rec.Overhead()
	cfg.MinMessage = leastPayload - rec.Overhead()
	if cfg.Limit > 0 {
		cfg.Limit -= rec.Overhead()
	}
	return &channel{rec: rec, control: control, coap: coap.NewConn(cfg), rand: cfg.Rand, scrap: scrap}
}

// payload is the largest UDP payload that the path is believed to carry.
func (ch *channel) payload() int { return ch.coap.Limit() + ch.rec.Overhead() }

// A delivery says what a datagram of records brought.
type delivery struct {
	opened   int  // records that opened
	newest   bool // one of them was the newest yet, and not about the path
	rejected int
	replayed int
	content  int // bytes of CoAP messages
	updates  int // epochs that have begun, ours and the peer's
}

// note counts a record that has opened.
func (d *delivery) note(r record.Record, changed record.EventKind) {
	d.opened++
	d.newest = d.newest || r.Moves()
	if r.Type == record.ApplicationData {
		d.content += len(r.Content)
	}
	if changed == record.EventSendEpoch || changed == record.EventReceiveEpoch {
		d.updates++
	}
}

// receive opens the records of a datagram, in place, and gives their content to CoAP. What
// CoAP answers goes out once the whole datagram is read.
func (ch *channel) receive(now time.Time, from netip.AddrPort, at netip.Addr, datagram []byte) delivery {
	var d delivery
	size := len(datagram)
	for len(datagram) > 0 {
		r, rest, err := ch.rec.Open(datagram)
		datagram = rest
		switch {
		case errors.Is(err, record.ErrReplayed):
			d.replayed++
		case err != nil:
			d.rejected++
		default:
			d.note(r, ch.content(now, from, r))
		}
	}
	if d.opened > 0 {
		ch.arrived(now, from, at, size, d.newest)
	}
	return d
}

// arrived notes that something authentic has come, and what is known of the path by now.
func (ch *channel) arrived(now time.Time, from netip.AddrPort, at netip.Addr, size int, newest bool) {
	rtt := ch.coap.RTT()
	if rtt.Known() {
		ch.control.SetTimeout(rtt.Smoothed() * 3 / 2)
	}
	if ch.path == nil {
		return
	}
	if rtt.Known() {
		ch.path.SetRTT(rtt.Smoothed())
	}
	ch.path.Receive(now, from, size, newest)
	if from == ch.path.Address() {
		ch.at = at
	} else {
		ch.apart, ch.apartAt = from, at
	}
}

// local is the address of ours from which a datagram leaves: where the peer was heard last at the
// address that it goes to. Who moves may also find the server by another of its addresses.
func (ch *channel) local(to netip.AddrPort) netip.Addr {
	if to == ch.apart {
		return ch.apartAt
	}
	return ch.at
}

// content acts on one authentic record, and returns what that has changed.
func (ch *channel) content(now time.Time, from netip.AddrPort, r record.Record) record.EventKind {
	event, err := ch.control.Handle(now, r)
	if err == nil && event.Kind == record.EventTicket {
		ch.tickets = append(ch.tickets, append([]byte(nil), event.Body...))
	}
	switch r.Type {
	case record.ApplicationData:
		ch.learn(r.Content)
		ch.coap.Receive(now, r.Content, ch.scrap)
	case record.Alert:
		if len(r.Content) == 2 && r.Content[1] == alertClose[1] {
			ch.closed = true
		}
	case record.ReturnRoutability:
		ch.routability(now, from, r.Content)
	}
	return event.Kind
}

// maxReplies is how many challenges of one datagram are answered.
const maxReplies = 4

func (ch *channel) routability(now time.Time, from netip.AddrPort, content []byte) {
	m, err := record.ParsePathMessage(content)
	switch {
	case err != nil:
	case m.Type == record.PathChallenge && len(ch.replies) < maxReplies:
		ch.replies = append(ch.replies, reply{m.Answer(true), from})
	case ch.path != nil:
		ch.path.Handle(now, content)
	}
}

// learn tells the record layer which of our records has arrived, when the peer acknowledges
// the message that was in it: the 8-bit record number depends on it.
func (ch *channel) learn(m []byte) {
	mid, kind, ok := peek(m)
	if !ok || (kind != message.Acknowledgement && kind != message.Reset) {
		return
	}
	if s := ch.sent[mid%confirmRing]; s.mid == mid && s.record.Epoch > 0 {
		ch.rec.Confirm(s.record)
	}
}

// advance does what is due.
func (ch *channel) advance(now time.Time) {
	ch.coap.Advance(now, ch.scrap)
	ch.control.Advance(now)
	if ch.path != nil {
		ch.path.Advance(now)
	}
}

// deadline is when advance or flush has something to do.
func (ch *channel) deadline() time.Time {
	at := earliest(ch.coap.Deadline(), ch.control.Deadline())
	if ch.path != nil {
		at = earliest(at, ch.path.Deadline())
	}
	return at
}

// close seals a close_notify.
func (ch *channel) close(now time.Time, out *Outbox, t *Traffic) {
	// At the limit of its key a session ends without a word.
	ch.seal(record.Alert, alertClose, out, t, func(size int) netip.AddrPort { return ch.route(now, size, false) })
}

// route is where a datagram goes, nowhere in particular at a device.
func (ch *channel) route(now time.Time, size int, answer bool) netip.AddrPort {
	if ch.path == nil {
		return netip.AddrPort{}
	}
	return ch.path.Route(now, size, answer)
}

// peek reads the message ID and type of a CoAP message (RFC 7252 section 3).
func peek(m []byte) (id uint16, t message.Type, ok bool) {
	if len(m) < emptyMessage {
		return 0, 0, false
	}
	return binary.BigEndian.Uint16(m[2:]), message.Type(m[0] >> 4 & 3), true
}
