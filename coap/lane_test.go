package coap

import (
	"bytes"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/plgd-dev/go-coap/v3/message"
	"github.com/plgd-dev/go-coap/v3/message/codes"
)

// A stranger speaks to a Lane, message by message.
type stranger struct {
	t    *testing.T
	lane *Lane
	now  time.Time
	from netip.AddrPort
	id   int32
}

func newStranger(t *testing.T, config LaneConfig) *stranger {
	config.Echo = testEcho()
	if config.Get == nil {
		config.Get = func(path, query []string) ([]byte, message.MediaType, bool) {
			switch {
			case slices.Equal(path, []string{"hs"}) && slices.Equal(query, []string{"s=1"}):
				return testBody(1219, 9), 60, true
			case slices.Equal(path, []string{".well-known", "core"}):
				return []byte(`</hs>;rt="pqcoap.hs"`), message.AppLinkFormat, true
			}
			return nil, 0, false
		}
	}
	return &stranger{t: t, lane: NewLane(config), now: testStart, from: testFrom}
}

// send gives m, with a message ID and token of its own, to the lane and returns the
// answers, which must fit their request.
func (s *stranger) send(m Message) ([]Message, *Transfer) {
	s.t.Helper()
	s.id++
	m.MessageID = s.id
	if m.Code != codes.Empty {
		m.Token = []byte{byte(s.id >> 8), byte(s.id)}
	}
	slices.SortStableFunc(m.Options, func(a, b message.Option) int { return int(a.ID) - int(b.ID) })
	d, err := Append(nil, &m)
	if err != nil {
		s.t.Fatalf("%v: %v", &m, err)
	}
	return s.raw(d)
}

func (s *stranger) raw(d []byte) ([]Message, *Transfer) {
	s.t.Helper()
	var out Batch
	transfer := s.lane.Receive(s.now, s.from, d, &out)
	return s.parsed(&out), transfer
}

func (s *stranger) parsed(out *Batch) (messages []Message) {
	s.t.Helper()
	for d := range out.All() {
		m, err := Parse(bytes.Clone(d))
		if err != nil {
			s.t.Fatalf("the lane sent %x: %v", d, err)
		}
		messages = append(messages, m)
	}
	return messages
}

// want sends m and expects one answer of a code to it.
func (s *stranger) want(m Message, code Code) Message {
	s.t.Helper()
	answers, transfer := s.send(m)
	if transfer != nil || len(answers) != 1 || answers[0].Code != code {
		s.t.Fatalf("%v: transfer %v, answered %v, want %v", &m, transfer != nil, answers, code)
	}
	a := answers[0]
	kind, token := message.Acknowledgement, []byte{byte(s.id >> 8), byte(s.id)}
	if m.Type == message.NonConfirmable {
		kind = message.NonConfirmable
	}
	if code == codes.Empty {
		token = nil
	}
	if a.Type != kind || kind == message.Acknowledgement && a.MessageID != s.id || !bytes.Equal(a.Token, token) {
		s.t.Fatalf("%v: answered %v", &m, &a)
	}
	return a
}

// silence sends m and expects nothing.
func (s *stranger) silence(m Message) {
	s.t.Helper()
	if answers, transfer := s.send(m); transfer != nil || len(answers) > 0 {
		s.t.Fatalf("%v: transfer %v, answered %v, want nothing", &m, transfer != nil, answers)
	}
}

// completes sends m and expects a Transfer.
func (s *stranger) completes(m Message, body []byte) *Transfer {
	s.t.Helper()
	answers, transfer := s.send(m)
	if transfer == nil || len(answers) > 0 || !bytes.Equal(transfer.Body(), body) || transfer.From() != s.from {
		s.t.Fatalf("%v: transfer %v, answered %v", &m, transfer, answers)
	}
	return transfer
}

func (s *stranger) answer(t *Transfer, body []byte) []Message {
	s.t.Helper()
	var out Batch
	s.lane.Answer(s.now, t, body, &out)
	return s.parsed(&out)
}

func (s *stranger) echo() message.Option {
	return message.Option{ID: optionEcho, Value: testEcho().Append(nil, s.now, s.from.Addr())}
}

// hs makes a POST to /hs.
func hs(payload []byte, options ...message.Option) Message {
	path := message.Option{ID: message.URIPath, Value: []byte("hs")}
	return Message{Code: codes.POST, Options: append(message.Options{path}, options...), Payload: payload}
}

func getOf(path string, options ...message.Option) Message {
	m := Message{Code: codes.GET, Options: options}
	for segment := range strings.SplitSeq(path, "/") {
		m.Options = append(m.Options, message.Option{ID: message.URIPath, Value: []byte(segment)})
	}
	return m
}

func number(id message.OptionID, v uint32) message.Option {
	return message.Option{ID: id, Value: appendUint(nil, v)}
}

func tag(s string) message.Option { return message.Option{ID: optionRequestTag, Value: []byte(s)} }

// upload cuts a body into blocks under a tag.
func upload(body []byte, szx uint8, options ...message.Option) (posts []Message) {
	blocks, payloads := blocksOf(body, szx)
	for i, b := range blocks {
		posts = append(posts, hs(payloads[i], append(slices.Clone(options), blockValue(message.Block1, b))...))
	}
	return posts
}

func pullOf(n uint32, szx uint8, options ...message.Option) Message {
	return hs(nil, append(slices.Clone(options), blockValue(message.Block2, Block{Number: n, SZX: szx}))...)
}

func hasEcho(m Message) bool { _, ok := option(m.Options, optionEcho); return ok }

// TestLanePing: a ping gets its RST.
func TestLanePing(t *testing.T) {
	s := newStranger(t, LaneConfig{})
	got, _ := s.raw([]byte{0x40, 0, 0x12, 0x34})
	if len(got) != 1 || got[0].Type != message.Reset || got[0].MessageID != 0x1234 || got[0].Code != codes.Empty {
		t.Errorf("%v", got)
	}
}

// TestLaneDrops: nothing but a request and a ping is answered, least of all what is
// malformed (which closes the connection in go-coap), and it changes nothing.
func TestLaneDrops(t *testing.T) {
	s := newStranger(t, LaneConfig{})
	posts := upload(testBody(100, 1), 2)
	s.want(posts[0], codes.Continue)
	before := s.lane.Stats()
	for _, d := range []string{
		"", "40", "4002123400"[:8] + "ff", "49021234", "40021234f0", "40c21234", "50001234", "60001234ff78", "00021234", "80021234",
		"60001234", "70001234", "60441234", "40441234", "50441234",
		"50021234d40e0000000e", // NON with a critical option of illegal length
		"50021234d1f000",       // NON with an unknown critical option
	} {
		if got, transfer := s.raw(unhex(t, d)); len(got) > 0 || transfer != nil {
			t.Errorf("%s: answered %v", d, got)
		}
	}
	after := s.lane.Stats()
	if after.Malformed != 10 || after.Ignored != 7 || after.Entries != before.Entries || after.Bytes != before.Bytes {
		t.Errorf("%+v", after)
	}
	s.completes(posts[1], testBody(100, 1))
}
