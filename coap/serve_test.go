package coap

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/plgd-dev/go-coap/v3/message"
	"github.com/plgd-dev/go-coap/v3/message/codes"
)

// A probe talks to a Secure Conn one datagram at a time.
type probe struct {
	t    *testing.T
	conn *Conn
	now  time.Time
	id   int32
}

func newProbe(t *testing.T, config Config) *probe {
	config.Secure, config.Rand = true, testRand(1)
	return &probe{t: t, conn: NewConn(config), now: testStart}
}

// send gives the Conn a message and returns what it sends.
func (p *probe) send(m Message) []Message {
	p.t.Helper()
	if m.MessageID == 0 {
		p.id++
		m.MessageID = p.id
	}
	d, err := Append(nil, &m)
	if err != nil {
		p.t.Fatal(err)
	}
	var out Batch
	p.conn.Receive(p.now, d, &out)
	return p.parse(&out)
}

func (p *probe) parse(out *Batch) (messages []Message) {
	p.t.Helper()
	for d := range out.All() {
		m, err := Parse(d)
		if err != nil {
			p.t.Fatalf("the Conn sent %x: %v", d, err)
		}
		messages = append(messages, m)
	}
	return messages
}

func (p *probe) respond(id uint64, m Message) []Message {
	p.t.Helper()
	var out Batch
	if err := p.conn.Respond(p.now, id, m, &out); err != nil {
		p.t.Fatal(err)
	}
	return p.parse(&out)
}

func (p *probe) advance() []Message {
	var out Batch
	p.now = p.conn.Deadline()
	p.conn.Advance(p.now, &out)
	return p.parse(&out)
}

// request takes the event of a request that must have been delivered.
func (p *probe) request() Event {
	p.t.Helper()
	e, ok := p.conn.Next()
	if !ok || e.Kind != EventRequest {
		p.t.Fatalf("no request was delivered")
	}
	return e
}

func (p *probe) quiet() {
	p.t.Helper()
	if e, ok := p.conn.Next(); ok {
		p.t.Fatalf("event %d with %d bytes was delivered", e.Kind, len(e.Message.Payload))
	}
}

func (p *probe) only(got []Message, t message.Type, code codes.Code) Message {
	p.t.Helper()
	if len(got) != 1 || got[0].Type != t || got[0].Code != code {
		p.t.Fatalf("got %v, want one %v %v", got, t, code)
	}
	return got[0]
}

func get(token byte, options ...message.Option) Message {
	return Message{Code: codes.GET, Token: message.Token{token}, Options: options}
}

func TestServePiggybacked(t *testing.T) {
	p := newProbe(t, Config{})
	if got := p.send(get(1)); len(got) != 0 {
		t.Fatalf("sent %v", got)
	}
	e := p.request()
	p.now = p.now.Add(ackDelay - 1)
	r := p.only(p.respond(e.ID, Message{Code: codes.Content, Payload: []byte("21.5")}), message.Acknowledgement, codes.Content)
	if r.MessageID != 1 || !bytes.Equal(r.Token, []byte{1}) || string(r.Payload) != "21.5" {
		t.Errorf("response %+v", r)
	}
	repeat := p.only(p.send(get(1)), message.Acknowledgement, codes.Content)
	if repeat.MessageID != 2 || string(repeat.Payload) != "21.5" {
		t.Errorf("a repeat got %+v", repeat)
	}
	p.quiet()
	if err := p.conn.Respond(p.now, e.ID, Message{Code: codes.Content}, new(Batch)); !errors.Is(err, ErrUnknownRequest) {
		t.Errorf("second response: error %v", err)
	}
	if got := p.conn.Deadline(); !got.Equal(p.now.Add(entryLifetime)) {
		t.Errorf("deadline %v", got)
	}
	p.advance()
	p.only(p.send(get(1)), message.Reset, codes.Empty)
	p.quiet()
	if !p.conn.Deadline().IsZero() {
		t.Error("a deadline with nothing to do")
	}
}

func TestServeSeparate(t *testing.T) {
	p := newProbe(t, Config{})
	p.send(get(1))
	e := p.request()
	p.send(get(1)) // its second copy is the one to be acknowledged
	if got := p.conn.Deadline(); !got.Equal(testStart.Add(ackDelay)) {
		t.Fatalf("deadline %v", got)
	}
	if ack := p.only(p.advance(), message.Acknowledgement, codes.Empty); ack.MessageID != 2 {
		t.Errorf("acknowledged %d", ack.MessageID)
	}
	p.only(p.send(get(1)), message.Acknowledgement, codes.Empty)
	p.now = p.now.Add(time.Second)
	first := p.only(p.respond(e.ID, Message{Code: codes.Content}), message.Confirmable, codes.Content)
	again := p.only(p.advance(), message.Confirmable, codes.Content)
	if first.MessageID == again.MessageID {
		t.Error("two copies with one message ID")
	}
	if got := p.send(Message{Type: message.Acknowledgement, MessageID: again.MessageID}); len(got) != 0 {
		t.Errorf("sent %v", got)
	}
	if got := p.advance(); len(got) != 0 {
		t.Errorf("repeated after the ACK: %v", got)
	}
}

func TestServeNonConfirmable(t *testing.T) {
	p := newProbe(t, Config{})
	m := get(1)
	m.Type = message.NonConfirmable
	p.send(m)
	e := p.request()
	p.now = p.now.Add(time.Second)
	p.only(p.respond(e.ID, Message{Code: codes.Content}), message.NonConfirmable, codes.Content)
	p.only(p.send(m), message.NonConfirmable, codes.Content)
	p.quiet()
}

func TestServeRejects(t *testing.T) {
	tests := []struct {
		name string
		m    Message
		kind message.Type
		code codes.Code // Reset alone where it is Empty, nothing where kind is Unset
	}{
		{"ping", Message{}, message.Reset, codes.Empty},
		{"no token", Message{Code: codes.GET}, message.Reset, codes.Empty},
		{"zero token", get(0), message.Reset, codes.Empty},
		{"long token", Message{Code: codes.GET, Token: message.Token{0, 1}}, message.Reset, codes.Empty},
		{"response", Message{Code: codes.Content, Token: message.Token{1}}, message.Reset, codes.Empty},
		{"NON response", Message{Type: message.NonConfirmable, Code: codes.Content, Token: message.Token{1}}, message.Unset, 0},
		{"ACK response", Message{Type: message.Acknowledgement, Code: codes.Content, Token: message.Token{1}}, message.Unset, 0},
		{"ACK", Message{Type: message.Acknowledgement}, message.Unset, 0},
		{"RST", Message{Type: message.Reset}, message.Unset, 0},
		{"critical option", get(1, message.Option{ID: 9999}), message.Acknowledgement, codes.BadOption},
		{"OSCORE", get(1, message.Option{ID: optionOSCORE}), message.Acknowledgement, codes.BadOption},
		{"Q-Block1", get(1, message.Option{ID: optionQBlock1}), message.Acknowledgement, codes.BadOption},
		{"SZX 7", get(1, message.Option{ID: message.Block2, Value: []byte{7}}), message.Acknowledgement, codes.BadRequest},
		{"Size1", Message{Code: codes.POST, Token: message.Token{1}, Options: message.Options{
			blockValue(message.Block1, Block{More: true, SZX: 0}), {ID: message.Size1, Value: []byte{0xff, 0xff, 0xff, 0xff}},
		}, Payload: make([]byte, 16)}, message.Acknowledgement, codes.RequestEntityTooLarge},
		{"short block", Message{Code: codes.POST, Token: message.Token{1}, Options: message.Options{
			blockValue(message.Block1, Block{More: true, SZX: 0}),
		}, Payload: make([]byte, 15)}, message.Acknowledgement, codes.BadRequest},
		{"response with critical option", Message{Code: codes.Content, Token: message.Token{1}, Options: message.Options{{ID: 9999}}}, message.Reset, codes.Empty},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p := newProbe(t, Config{})
			got := p.send(test.m)
			p.quiet()
			if test.kind == message.Unset {
				if len(got) != 0 {
					t.Errorf("sent %v", got)
				}
				return
			}
			p.only(got, test.kind, test.code)
		})
	}
}

func TestServePlain(t *testing.T) {
	c := NewConn(Config{Rand: testRand(1)})
	var out Batch
	d, err := Append(nil, &Message{Code: codes.GET, Token: message.Token{1}})
	if err != nil {
		t.Fatal(err)
	}
	c.Receive(testStart, d, &out)
	if _, ok := c.Next(); ok || out.Len() != 1 || out.Datagram(0)[0] != 0x70 {
		t.Error("the plain lane's device serves requests")
	}
}

// What a peer can make us hold is bounded in entries and bytes.
func TestServeBounds(t *testing.T) {
	p := newProbe(t, Config{MaxBody: 4096})
	for token := byte(1); token <= maxUnanswered; token++ {
		p.send(post(token, Block{More: true, SZX: 6}, make([]byte, 1024)))
	}
	s := &p.conn.server
	if s.held > bodiesHeld*4096 || len(s.entries) > bodiesHeld*4 {
		t.Errorf("%d bytes in %d entries", s.held, len(s.entries))
	}
	for token := byte(101); len(s.entries) < maxUnanswered; token++ {
		p.send(get(token))
		p.request()
	}
	r := p.only(p.send(get(200)), message.Acknowledgement, codes.ServiceUnavailable)
	if _, found := option(r.Options, message.MaxAge); !found {
		t.Error("5.03 without Max-Age")
	}
}

func TestTokenWindow(t *testing.T) {
	var w tokenWindow
	for _, token := range []uint64{1, 3, 4, 1000, 1001, 900} {
		if w.has(token) {
			t.Errorf("%d was never used", token)
		}
		w.add(token)
		if !w.has(token) {
			t.Errorf("%d is not known", token)
		}
	}
	for token, want := range map[uint64]bool{1: true, 2: true, 745: true, 746: false, 900: true, 999: false, 1002: false, 1 << 63: false} {
		if w.has(token) != want {
			t.Errorf("has(%d) = %v", token, !want)
		}
	}
	w.add(1 << 63)
	for _, token := range []uint64{1000, 1<<63 - tokenWindowSize} {
		if !w.has(token) {
			t.Errorf("%d is new again", token)
		}
	}
	if w.has(1<<63 - 1) {
		t.Error("a token within the window was never used")
	}
}
