package coap

import (
	"bytes"
	"errors"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/plgd-dev/go-coap/v3/message"
	"github.com/plgd-dev/go-coap/v3/message/codes"
)

// A scriptedPeer answers each message as a function says.
type scriptedPeer struct {
	answer   func(now time.Time, m *Message, reply func(Message))
	received []Message
	at       []time.Time
	lastID   int32
}

func (s *scriptedPeer) Receive(now time.Time, datagram []byte, out *Batch) {
	m, err := Parse(bytes.Clone(datagram))
	if err != nil {
		panic(err)
	}
	s.received, s.at = append(s.received, m), append(s.at, now)
	if s.answer == nil {
		return
	}
	s.answer(now, &m, func(r Message) {
		if r.Type == message.NonConfirmable || r.Type == message.Confirmable {
			s.lastID++
			r.MessageID = s.lastID
		}
		if _, err := out.add(&r); err != nil {
			panic(err)
		}
	})
}

func (s *scriptedPeer) Deadline() time.Time       { return time.Time{} }
func (s *scriptedPeer) Advance(time.Time, *Batch) {}
func (s *scriptedPeer) count(kind func(*Message) bool) (n int) {
	for i := range s.received {
		if kind(&s.received[i]) {
			n++
		}
	}
	return n
}

// ackOf returns the piggybacked answer to m.
func ackOf(m *Message, code codes.Code, options message.Options, payload []byte) Message {
	return Message{Type: message.Acknowledgement, MessageID: m.MessageID, Token: m.Token, Code: code, Options: options, Payload: payload}
}

func blockValue(id message.OptionID, b Block) message.Option {
	return message.Option{ID: id, Value: b.Append(nil)}
}

// A device drives a plain Conn.
type device struct {
	*Conn
	events []Event
}

func (d *device) Receive(now time.Time, datagram []byte, out *Batch) {
	d.Conn.Receive(now, datagram, out)
	d.drain()
}

func (d *device) Advance(now time.Time, out *Batch) {
	d.Conn.Advance(now, out)
	d.drain()
}

func (d *device) drain() {
	for e, ok := d.Next(); ok; e, ok = d.Next() {
		d.events = append(d.events, e)
	}
}

// A plainPath joins a device and a peer.
type plainPath struct {
	*testPath
	device *device
	id     uint64
}

func newPlainPath(t testing.TB, seed uint64, loss float64, peer testEnd, config Config) *plainPath {
	config.Rand = testRand(seed)
	p := &plainPath{testPath: newTestPath(t, seed, loss), device: &device{Conn: NewConn(config)}}
	p.ends = [2]testEnd{p.device, peer}
	return p
}

func (p *plainPath) post(body []byte, o RequestOptions) {
	p.t.Helper()
	p.start(Message{Code: codes.POST, Options: uriPath("hs"), Payload: body}, o)
}

func (p *plainPath) start(m Message, o RequestOptions) {
	p.t.Helper()
	var out Batch
	id, err := p.device.Request(p.now, m, o, &out)
	if err != nil {
		p.t.Fatalf("Request: %v", err)
	}
	p.id = id
	p.carry(0, &out)
}

func (p *plainPath) cancel() {
	var out Batch
	p.device.Cancel(p.now, p.id, &out)
	p.carry(0, &out)
}

// result runs until the next event.
func (p *plainPath) result() Event {
	p.t.Helper()
	p.run(2*time.Minute, func() bool { return len(p.device.events) > 0 })
	e := p.device.events[0]
	p.device.events = p.device.events[1:]
	return e
}

// A farLane is a server's Lane with a handshake behind it that takes some time.
type farLane struct {
	lane    *Lane
	answer  []byte
	waiting []*Transfer
	ready   time.Time
	bodies  [][]byte
}

func newFarLane(answer []byte, alwaysEcho bool) *farLane {
	return &farLane{lane: NewLane(LaneConfig{
		Echo: NewEchoKeys([32]byte{1}, [32]byte{2}), AlwaysEcho: alwaysEcho,
		Get: func([]string, []string) ([]byte, message.MediaType, bool) { return answer, message.AppCBOR, true },
	}), answer: answer}
}

func (l *farLane) Receive(now time.Time, datagram []byte, out *Batch) {
	t := l.lane.Receive(now, netip.MustParseAddrPort("192.0.2.1:40000"), datagram, out)
	if t != nil {
		l.bodies, l.waiting, l.ready = append(l.bodies, t.Body()), append(l.waiting, t), now.Add(ms/2)
	}
}

func (l *farLane) Deadline() time.Time { return earlier(l.lane.Deadline(), l.ready) }

func (l *farLane) Advance(now time.Time, out *Batch) {
	l.lane.Advance(now)
	if l.ready.IsZero() || now.Before(l.ready) {
		return
	}
	for _, t := range l.waiting {
		l.lane.Answer(now, t, l.answer, out)
	}
	l.waiting, l.ready = nil, time.Time{}
}

// The transfer of a handshake, three blocks each way, finishes with the right bodies. It
// prints what sim/handshake.py prints for the same: without an Echo 100/325, 101/350,
// 212/472 and 454/1162 ms at 5, 10, 20 and 40 % loss.
func TestHandshakeTransfer(t *testing.T) {
	up, down := testBody(2500, 1), testBody(2300, 2)
	for _, echo := range []bool{false, true} {
		for _, loss := range []float64{0, .05, .1, .2, .4} {
			const runs = 200
			var times []time.Duration
			sent, bytesSent := 0, 0
			for seed := range uint64(runs) {
				lane := newFarLane(down, echo)
				p := newPlainPath(t, seed, loss, lane, Config{})
				p.post(up, RequestOptions{ExpectBody: len(down)})
				e := p.result()
				if e.Kind != EventResponse || e.Message.Code != codes.Changed || !bytes.Equal(e.Message.Payload, down) {
					t.Fatalf("loss %v seed %d: event %d %v, error %v", loss, seed, e.Kind, e.Message.Code, e.Err)
				}
				// Whoever has bad luck for long begins again, with the same body.
				if n := len(lane.bodies); n > 2 || !bytes.Equal(lane.bodies[0], up) || !bytes.Equal(lane.bodies[n-1], up) {
					t.Fatalf("loss %v seed %d: %d bodies arrived", loss, seed, len(lane.bodies))
				}
				times = append(times, p.now.Sub(testStart))
				sent += p.sent[0]
				bytesSent += p.bytes[0] + p.bytes[1]
			}
			slices.Sort(times)
			t.Logf("echo %-5v loss %3.0f%%: p50 %v p95 %v, %.1f datagrams sent, %d B both ways", echo, loss*100,
				times[runs/2].Round(ms), times[runs*95/100].Round(ms), float64(sent)/runs, bytesSent/runs)
			if loss == 0 && !echo && bytesSent/runs > len(up)+len(down)+280 {
				t.Errorf("%d B of CoAP around the bodies", bytesSent/runs-len(up)-len(down))
			}
		}
	}
}

// Bodies of all sizes come through paths that lose, repeat and reorder. (Without an Echo
// the lane sends three times what it got, so an answer larger than its request is no case.)
func TestLaneTransfers(t *testing.T) {
	for seed := range uint64(300) {
		up, down := testBody(1+int(seed*37%6000), 1), testBody(1+int(seed*53%5000), 2)
		if seed%2 == 1 && len(down) > len(up) {
			down = down[:len(up)]
		}
		lane := newFarLane(down, seed%2 == 0)
		p := newPlainPath(t, seed, []float64{0, .1, .4}[seed%3], lane, Config{MaxMessage: []int{0, 300}[seed%5/4]})
		p.jitter, p.dup = time.Duration(seed%4)*20*ms, .1
		p.post(up, RequestOptions{ExpectBody: []int{len(down), 0}[seed%7/6]})
		if e := p.result(); e.Message.Code != codes.Changed || !bytes.Equal(e.Message.Payload, down) {
			t.Errorf("seed %d: event %d %v with %d bytes, error %v", seed, e.Kind, e.Message.Code, len(e.Message.Payload), e.Err)
		}
		if !bytes.Equal(lane.bodies[0], up) {
			t.Errorf("seed %d: another body arrived", seed)
		}
	}
}

// A key is fetched with GET, after an Echo.
func TestGetFromLane(t *testing.T) {
	want := testBody(1300, 1)
	for _, loss := range []float64{0, .4} {
		for _, echo := range []bool{false, true} {
			p := newPlainPath(t, 1, loss, newFarLane(want, echo), Config{})
			var out Batch
			m := Message{Code: codes.GET, Options: append(uriPath("hs"), message.Option{ID: message.URIQuery, Value: []byte("s=1")})}
			if _, err := p.device.Request(p.now, m, RequestOptions{}, &out); err != nil {
				t.Fatal(err)
			}
			p.carry(0, &out)
			if e := p.result(); e.Message.Code != codes.Content || !bytes.Equal(e.Message.Payload, want) {
				t.Errorf("event %d %v with %d bytes, error %v", e.Kind, e.Message.Code, len(e.Message.Payload), e.Err)
			}
		}
	}
}

func TestStranger(t *testing.T) {
	peer := &scriptedPeer{}
	p := newPlainPath(t, 1, 0, peer, Config{})
	p.post(testBody(20_000, 1), RequestOptions{ExpectBody: 20_000})
	if e := p.result(); !errors.Is(e.Err, ErrTimeout) {
		t.Fatalf("error %v", e.Err)
	}
	if n := len(peer.received); n < 60 || n > strangerTotal {
		t.Errorf("%d datagrams in 60 s", n)
	}
	for i, at := range peer.at {
		if i >= strangerRound && at.Sub(peer.at[i-strangerRound]) < firstTimeout/2 {
			t.Fatalf("more than %d datagrams at %v", strangerRound, at.Sub(testStart))
		}
	}
}
