package coap

import (
	"github.com/plgd-dev/go-coap/v3/message"
	"github.com/plgd-dev/go-coap/v3/message/codes"
)

const maxDatagram = 65507 // of UDP over IPv4

// A response is an answer before it is a message: what is not set is left out.
type response struct {
	code      Code
	etag      []byte
	maxAge    uint32
	size1     uint32
	echo      []byte
	format    message.MediaType
	block1    Block
	block2    Block
	hasFormat bool
	hasBlock1 bool
	hasBlock2 bool
	payload   []byte
}

// send answers a CON with its ACK and a NON with a NON, unless the datagram exceeds its
// bound, and returns the bytes sent.
func (l *Lane) send(to *head, r *response, bound int, out *Batch) int {
	m := &l.out
	l.fill(r)
	m.Code, m.Token, m.Payload = r.code, to.token[:to.size], r.payload
	if m.Type, m.MessageID = message.Acknowledgement, to.id; to.kind == message.NonConfirmable {
		m.Type, m.MessageID = message.NonConfirmable, int32(l.nextID)
	}
	start := out.begin()
	buf, err := Append(start, m)
	size := len(buf) - len(start)
	if err != nil || size > bound {
		l.stats.Unsent++
		return 0
	}
	if m.Type == message.NonConfirmable {
		l.nextID++
	}
	out.commit(buf)
	return size
}

// fill writes the options of r in their order.
func (l *Lane) fill(r *response) {
	l.out.Options, l.values = l.out.Options[:0], l.values[:0]
	if r.etag != nil {
		l.out.Options = append(l.out.Options, message.Option{ID: message.ETag, Value: r.etag})
	}
	if r.hasFormat {
		l.addUint(message.ContentFormat, uint32(r.format))
	}
	if r.maxAge > 0 {
		l.addUint(message.MaxAge, r.maxAge)
	}
	if r.hasBlock2 {
		l.addUint(message.Block2, r.block2.Value())
	}
	if r.hasBlock1 {
		l.addUint(message.Block1, r.block1.Value())
	}
	if r.size1 > 0 {
		l.addUint(message.Size1, r.size1)
	}
	if r.echo != nil {
		l.out.Options = append(l.out.Options, message.Option{ID: optionEcho, Value: r.echo})
	}
}

func (l *Lane) addUint(id message.OptionID, v uint32) {
	start := len(l.values)
	l.values = appendUint(l.values, v)
	l.out.Options = append(l.out.Options, message.Option{ID: id, Value: l.values[start:]})
}

// reply answers within an entry, or, where e is nil, with no more than was brought.
func (l *Lane) reply(v *visit, e *laneEntry, r *response) {
	if e == nil {
		if l.allowed(v) {
			l.send(&v.head, r, v.size, v.out)
		}
		return
	}
	e.sent += l.send(&v.head, r, e.allowance(), v.out)
}

// allowed asks for an answer outside of a transfer.
func (l *Lane) allowed(v *visit) bool {
	if l.config.Answer == nil || l.config.Answer(v.now, v.from.Addr()) {
		return true
	}
	l.stats.Withheld++
	return false
}

// refuse answers a request with a code and no more.
func (l *Lane) refuse(v *visit, code Code) { l.fail(v, nil, &response{code: code}) }

func (l *Lane) fail(v *visit, e *laneEntry, r *response) {
	l.stats.Refused++
	l.reply(v, e, r)
}

// badOption answers a critical option that is not understood; a NON with one is rejected
// (RFC 7252 section 5.4.1).
func (l *Lane) badOption(v *visit) {
	if v.head.kind == message.NonConfirmable {
		l.stats.Ignored++
		return
	}
	l.refuse(v, codes.BadOption)
}

// demandEcho is the only 4.01 with an Echo.
func (l *Lane) demandEcho(v *visit, e *laneEntry) {
	l.stats.EchoDemanded++
	l.fail(v, e, &response{code: codes.Unauthorized, echo: l.freshEcho(v)})
}

func (l *Lane) freshEcho(v *visit) []byte {
	return l.config.Echo.Append(nil, v.now, v.from.Addr())
}

// reset answers a CoAP ping (RFC 7252 section 4.3).
func (l *Lane) reset(v *visit) {
	if l.allowed(v) {
		l.empty(v, nil, message.Reset)
	}
}

// empty answers with an Empty message.
func (l *Lane) empty(v *visit, e *laneEntry, kind message.Type) {
	if e != nil && e.allowance() < headerSize {
		l.stats.Unsent++
		return
	}
	m := Message{Type: kind, MessageID: v.head.id}
	if n, err := v.out.add(&m); err == nil && e != nil {
		e.sent += n
	}
}
