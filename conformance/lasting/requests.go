package lasting

import (
	"encoding/binary"
	"slices"
	"time"

	"github.com/plgd-dev/go-coap/v3/message"

	"github.com/pqcoap/pqcoap/coap"
	"github.com/pqcoap/pqcoap/internal/session"
)

// A tally knows what has become of each request. Its body begins with its number in the list and
// the size of the answer.
type tally struct {
	list []request
}

type request struct {
	owner  any // the *session.Device or *session.Session that has sent it
	id     uint64
	down   int // bytes of the answer
	calls  int // of the handler
	done   bool
	failed bool
}

const requestHeader = 8

// end fails what waits for an answer in a session that has ended: no event comes for it.
func (t *tally) end(owner any) { t.endAll(func(o any) bool { return o == owner }) }

func (t *tally) endAll(of func(owner any) bool) {
	for i := range t.list {
		if r := &t.list[i]; !r.done && of(r.owner) {
			r.done, r.failed = true, true
		}
	}
}

// waiting counts the requests that have not ended.
func (t *tally) waiting() int {
	n := 0
	for i := range t.list {
		if !t.list[i].done {
			n++
		}
	}
	return n
}

// Request sends a request of so many bytes from the device, or from the server, that is to be
// answered with as many as down says. It returns its number; false where there is no session.
func (w *World) Request(fromDevice bool, up, down int) (number int, ok bool) {
	number = len(w.requests.list)
	m := coap.Message{Code: coap.POST, Options: message.Options{{ID: message.URIPath, Value: []byte("r")}}}
	m.Payload = binary.BigEndian.AppendUint32(nil, uint32(number))
	m.Payload = binary.BigEndian.AppendUint32(m.Payload, uint32(down))
	m.Payload = append(m.Payload, pattern(number, up)...)
	r := request{down: down}
	var err error
	if s := w.Session(); fromDevice && w.Live() {
		device := w.device
		r.owner = device
		r.id, err = device.Request(w.Now, m, coap.RequestOptions{}, &w.out)
	} else if !fromDevice && s != nil {
		r.owner = s
		r.id, err = w.server.Request(w.Now, s, m, coap.RequestOptions{}, &w.out)
	} else {
		return 0, false
	}
	if err != nil {
		return 0, false
	}
	w.requests.list = append(w.requests.list, r)
	if fromDevice {
		w.fromDevice()
	} else {
		w.fromServer()
	}
	return number, true
}

// Done reports that a request has ended, and Acknowledged that it has been answered.
func (w *World) Done(number int) bool { return w.requests.list[number].done }

// Acknowledged reports that a request has been answered.
func (w *World) Acknowledged(number int) bool {
	r := w.requests.list[number]
	return r.done && !r.failed
}

// Waiting is how many requests have not ended.
func (w *World) Waiting() int { return w.requests.waiting() }

// pattern is a body that differs from byte to byte and from request to request.
func pattern(number, size int) []byte {
	b := make([]byte, size)
	for i := range b {
		b[i] = byte(i*7 + number*31 + i>>8)
	}
	return b
}

// serve calls the handler, which thinks and answers.
func (w *World) serve(ev session.Event, owner any, respond func(time.Time) error) {
	r := w.requestOf(ev.Message.Payload)
	if r == nil {
		w.fail(errGarbled)
		return
	}
	if r.calls++; r.calls > 1 {
		w.fail(errTwice)
	}
	if w.Think == 0 {
		_ = respond(w.Now) // a session that has ended meanwhile
		return
	}
	_, device := owner.(*session.Device)
	w.after(w.Think, func() {
		if _ = respond(w.Now); device && w.device == owner {
			w.fromDevice()
		} else {
			w.fromServer()
		}
	})
}

// requestOf is the request of a body, nil if it is of none.
func (w *World) requestOf(body []byte) *request {
	if len(body) < requestHeader {
		return nil
	}
	number := int(binary.BigEndian.Uint32(body))
	if number >= len(w.requests.list) || !slices.Equal(body[requestHeader:], pattern(number, len(body)-requestHeader)) {
		return nil
	}
	return &w.requests.list[number]
}

// answer is the response to a request.
func (w *World) answer(ev session.Event) coap.Message {
	number, down := binary.BigEndian.Uint32(ev.Message.Payload), binary.BigEndian.Uint32(ev.Message.Payload[4:])
	if down == 0 {
		return *coap.Status(coap.Changed)
	}
	return *coap.Content(message.AppOctets, pattern(int(number)+1, int(down)))
}

// answered takes the response to a request, or its failure.
func (w *World) answered(owner any, ev session.Event) {
	for number := range w.requests.list {
		r := &w.requests.list[number]
		if r.owner != owner || r.id != ev.ID || r.done {
			continue
		}
		r.done, r.failed = true, ev.Err != nil
		switch {
		case r.failed:
		case r.calls == 0:
			w.fail(errUnheard)
		case !slices.Equal(ev.Message.Payload, pattern(number+1, r.down)):
			w.fail(errGarbled)
		}
		return
	}
	w.fail(errUnasked)
}
