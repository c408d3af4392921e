package proxy

import (
	"slices"
	"testing"

	"github.com/plgd-dev/go-coap/v3/message"
	"github.com/plgd-dev/go-coap/v3/message/codes"

	"github.com/pqcoap/pqcoap/coap"
)

// What becomes of each option of RFC 7252 table 4, of those that came later, and of unknown
// ones of each class.
func TestOptions(t *testing.T) {
	const goes, goesNot, ends = "goes on", "does not go on", "is refused"
	for _, c := range []struct {
		name              string
		id                message.OptionID
		value             string
		request, response string
	}{
		{"If-Match", 1, "x", goes, goes},
		{"Uri-Host", 3, "h", goesNot, ends},
		{"ETag", 4, "x", goes, goes},
		{"If-None-Match", 5, "", goes, goes},
		{"Observe", 6, "\x01", goesNot, goesNot},
		{"Uri-Port", 7, "\x01", goesNot, ends},
		{"Location-Path", 8, "x", goes, goes},
		{"OSCORE", 9, "x", goes, goes},
		{"Uri-Path", 11, "x", goes, ends},
		{"Content-Format", 12, "\x2a", goes, goes},
		{"Max-Age", 14, "\x05", goesNot, goes},
		{"Uri-Query", 15, "x=1", goes, ends},
		{"Accept", 17, "\x2a", goes, goes},
		{"Location-Query", 20, "x", goes, goes},
		{"Block2", 23, "\x06", goesNot, goesNot},
		{"Block1", 27, "\x06", goesNot, goesNot},
		{"Size2", 28, "\x06", goesNot, goesNot},
		{"Size1", 60, "\x06", goesNot, goesNot},
		{"Echo", 252, "x", goes, goes},
		{"No-Response", 258, "\x02", goes, ends},
		{"Request-Tag", 292, "x", goesNot, goes},
		{"elective, safe", 65000, "x", goes, goes},
		{"critical, safe", 65001, "x", goes, goes},
		{"elective, unsafe", 65002, "x", ends, ends},
		{"critical, unsafe", 65003, "x", ends, ends},
		{"elective, safe, no cache key", 65052, "x", goes, goes},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := message.Option{ID: c.id, Value: []byte(c.value)}
			peer := &fakePeer{}
			answer := newWorld(t, peer).serve(t, coap.Message{Code: coap.PUT, Options: message.Options{o}})
			result := ends
			if len(peer.sent) == 1 {
				result = passed(o, peer.sent[0].Options, goes, goesNot)
			} else if answer.Code != coap.BadOption {
				t.Errorf("answer %v", answer.Code)
			}
			if result != c.request {
				t.Errorf("in a request it %s, want: %s", result, c.request)
			}

			h := newWorld(t, peer)
			back := h.incoming(new(coap.Request), &coap.Message{Code: coap.ContentCode, Options: message.Options{o}, Payload: []byte("body")})
			if result = passed(o, back.Options, goes, goesNot); back.Code == codes.BadGateway {
				result = ends
			}
			if result != c.response {
				t.Errorf("in a response it %s, want: %s", result, c.response)
			}
		})
	}
}

// passed tells whether an option is there unchanged.
func passed(o message.Option, options message.Options, yes, no string) string {
	if slices.ContainsFunc(options, func(got message.Option) bool { return got.ID == o.ID && string(got.Value) == string(o.Value) }) {
		return yes
	}
	return no
}

// Options that are repeated go on in their order.
func TestRepeatedOptions(t *testing.T) {
	peer := &fakePeer{}
	sent := message.Options{
		{ID: message.ETag, Value: []byte("1")}, {ID: message.ETag, Value: []byte("2")},
		{ID: message.URIPath, Value: []byte("b")}, {ID: message.URIPath, Value: []byte("a")}, {ID: message.URIPath, Value: nil},
		{ID: message.URIQuery, Value: []byte("z")}, {ID: message.URIQuery, Value: []byte("y")},
	}
	newWorld(t, peer).serve(t, coap.Message{Code: coap.GET, Options: sent})
	if got := peer.sent[0].Options; !slices.EqualFunc(got, sent, func(a, b message.Option) bool {
		return a.ID == b.ID && string(a.Value) == string(b.Value)
	}) {
		t.Errorf("went on as %v", got)
	}
}

// RFC 8768 section 3.
func TestHopLimit(t *testing.T) {
	for _, c := range []struct {
		has  []byte // nil: none
		add  uint8
		want int // 0: none
		code coap.Code
	}{
		{nil, 0, 0, coap.ContentCode},
		{nil, 16, 16, coap.ContentCode},
		{[]byte{255}, 16, 254, coap.ContentCode},
		{[]byte{2}, 0, 1, coap.ContentCode},
		{[]byte{1}, 16, 0, codeHopLimitReached},
		{[]byte{0}, 16, 0, coap.BadRequest},
		{[]byte{}, 16, 0, coap.BadRequest},
	} {
		peer := &fakePeer{}
		w := newWorld(t, peer, func(cfg *Config) { cfg.HopLimit = c.add })
		m := coap.Message{Code: coap.GET}
		if c.has != nil {
			m.Options = message.Options{{ID: optionHopLimit, Value: c.has}}
		}
		answer := w.serve(t, m)
		if answer.Code != c.code || (answer.Code == coap.ContentCode) != (len(peer.sent) == 1) {
			t.Errorf("%v: answer %v, %d sent", c.has, answer.Code, len(peer.sent))
			continue
		}
		if c.code == codeHopLimitReached && string(answer.Payload) != "here" {
			t.Errorf("diagnostic payload %q", answer.Payload)
		}
		got := 0
		if len(peer.sent) == 1 {
			if v, found := value(peer.sent[0].Options, optionHopLimit); found {
				got = int(v[0])
			}
		}
		if got != c.want {
			t.Errorf("%v went on as %d, want %d", c.has, got, c.want)
		}
	}
}

// Who is on the way puts its name before those behind it (RFC 8768 section 4).
func TestHopLimitReachedBehind(t *testing.T) {
	w := newWorld(t, nil)
	got := w.incoming(new(coap.Request), &coap.Message{Code: codeHopLimitReached, Payload: []byte("there")})
	if got.Code != codeHopLimitReached || string(got.Payload) != "here there" {
		t.Errorf("%v %q", got.Code, got.Payload)
	}
}

// RFC 7967: who wants no 2.xx gets none, and who wants one gets the true one.
func TestNoResponse(t *testing.T) {
	for value, goes := range map[byte]bool{0: false, 2: true, 8: false, 16: false, 24: false, 26: true} {
		peer := &fakePeer{}
		newWorld(t, peer).serve(t, coap.Message{Code: coap.PUT, Options: message.Options{{ID: message.NoResponse, Value: []byte{value}}}})
		if got := len(peer.sent[0].Options) == 1; got != goes {
			t.Errorf("No-Response of %d goes on: %v, want %v", value, got, goes)
		}
	}
	w := newWorld(t, nil)
	if got := w.incoming(new(coap.Request), &coap.Message{}); got.Code>>5 != 2 {
		t.Errorf("no response is answered %v, which the peer would get", got.Code)
	}
}
