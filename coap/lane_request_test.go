package coap

import (
	"bytes"
	"strings"
	"testing"

	"github.com/plgd-dev/go-coap/v3/message"
	"github.com/plgd-dev/go-coap/v3/message/codes"
)

func TestLaneRejects(t *testing.T) {
	other := func(id message.OptionID, value ...byte) message.Option { return message.Option{ID: id, Value: value} }
	full := testBody(64, 1)
	block := blockValue(message.Block1, Block{0, true, 2})
	path := func(code Code, segments ...string) Message {
		m := getOf(strings.Join(segments, "/"), message.Option{ID: optionEcho, Value: testEcho().Append(nil, testStart, testFrom.Addr())})
		m.Code = code
		return m
	}
	for _, test := range []struct {
		name string
		m    Message
		want Code
	}{
		{"baseline", hs(full, block), codes.Continue},
		{"known options", hs(full, block, other(message.URIHost, 'h'), other(message.URIPort, 1), number(message.Size1, 9216),
			number(message.Size2, 0), other(message.NoResponse, 26), other(optionHopLimit, 3), number(message.ContentFormat, 60),
			number(message.Accept, 60), other(message.Observe), other(2000, 1)), codes.Continue},
		{"unknown critical", hs(full, block, other(2001)), codes.BadOption},
		{"If-Match", hs(full, block, other(message.IfMatch)), codes.BadOption},
		{"OSCORE", hs(full, block, other(optionOSCORE, 1)), codes.BadOption},
		{"Q-Block1", hs(full, other(optionQBlock1, 10)), codes.BadOption},
		{"Proxy-Uri", hs(full, block, other(message.ProxyURI, 'u')), codes.ProxyingNotSupported},
		{"Proxy-Scheme", hs(full, block, other(message.ProxyScheme, 'c')), codes.ProxyingNotSupported},
		{"Content-Format 0", hs(full, block, number(message.ContentFormat, 0)), codes.UnsupportedMediaType},
		{"Content-Format 42", hs(full, block, number(message.ContentFormat, 42)), codes.UnsupportedMediaType},
		{"Accept 0", hs(full, block, number(message.Accept, 0)), codes.NotAcceptable},
		{"reserved size", hs(full, other(message.Block1, 7)), codes.BadRequest},
		{"reserved size of Block2", hs(full, block, other(message.Block2, 7)), codes.BadRequest},
		{"block and pull", hs(full, block, number(message.Block2, 1<<4)), codes.BadRequest},
		{"pull with payload", hs(full, number(message.Block2, 1<<4)), codes.BadRequest},
		{"short block", hs(full[:63], block), codes.BadRequest},
		{"long block", hs(append(full, 0), block), codes.BadRequest},
		{"no body", hs(nil), codes.BadRequest},
		{"pull of nothing", pullOf(1, 2), codes.RequestEntityIncomplete},
		{"block beyond the cap", hs(full, blockValue(message.Block1, Block{144, true, 2})), codes.RequestEntityTooLarge},
		{"body beyond the cap", hs(make([]byte, 9217)), codes.RequestEntityTooLarge},
		{"Size1 beyond the cap", hs(full, block, number(message.Size1, 9217)), codes.RequestEntityTooLarge},
		{"PUT", path(codes.PUT, "hs"), codes.MethodNotAllowed},
		{"FETCH", path(FETCH, "hs"), codes.MethodNotAllowed},
		{"POST to core", path(codes.POST, ".well-known", "core"), codes.MethodNotAllowed},
		{"GET another path", path(codes.GET, "temperature"), codes.Unauthorized},
		{"GET the root", Message{Code: codes.GET}, codes.Unauthorized},
		{"POST another path", path(codes.POST, "hs", "x"), codes.Unauthorized},
		{"slash in a segment", path(codes.POST, ".well-known"), codes.Unauthorized},
		{"unknown suite", path(codes.GET, "hs"), codes.NotFound},
		{"GET with Block1", getOf("hs", block), codes.BadRequest},
		{"GET with a reserved size", getOf("hs", other(message.Block2, 7)), codes.BadRequest},
		{"GET with another Accept", getOf("hs", number(message.Accept, 0), other(message.URIQuery, []byte("s=1")...),
			message.Option{ID: optionEcho, Value: testEcho().Append(nil, testStart, testFrom.Addr())}), codes.NotAcceptable},
	} {
		s := newStranger(t, LaneConfig{})
		a := s.want(test.m, test.want)
		if hasEcho(a) != (test.want == codes.Continue) {
			t.Errorf("%s: options %v", test.name, a.Options)
		}
		if size, _ := optionUint(a.Options, message.Size1); (size == DefaultMaxBody) != (test.want == codes.RequestEntityTooLarge) {
			t.Errorf("%s: Size1 %d", test.name, size)
		}
		if st := s.lane.Stats(); test.want != codes.Continue && (st.Entries > 0 || st.Refused != 1) {
			t.Errorf("%s: %+v", test.name, st)
		}
	}
}

// TestLaneSlash: "/" within a segment does not make two of one.
func TestLaneSlash(t *testing.T) {
	s := newStranger(t, LaneConfig{})
	m := Message{Code: codes.GET, Options: message.Options{{ID: message.URIPath, Value: []byte(".well-known/core")}}}
	s.want(m, codes.Unauthorized)
	m.Options[0].Value = []byte("/hs")
	s.want(m, codes.Unauthorized)
}

// TestLaneIllegalOption: a CON request with a critical option of illegal length is
// answered 4.02, where go-coap would take it for a whole body.
func TestLaneIllegalOption(t *testing.T) {
	s := newStranger(t, LaneConfig{})
	d := append([]byte{0x41, 2, 0x12, 0x34, 0x77}, unhex(t, "b26873"+"d4030000000e"+"ff")...)
	d = append(d, testBody(100, 1)...)
	got, transfer := s.raw(d)
	if transfer != nil || len(got) != 1 || got[0].Code != codes.BadOption || got[0].MessageID != 0x1234 || !bytes.Equal(got[0].Token, []byte{0x77}) {
		t.Errorf("transfer %v, answered %v", transfer != nil, got)
	}
}

func TestLaneGet(t *testing.T) {
	s := newStranger(t, LaneConfig{})
	query := message.Option{ID: message.URIQuery, Value: []byte("s=1")}
	if a := s.want(getOf("hs", query), codes.Unauthorized); !hasEcho(a) {
		t.Error("4.01 without an Echo")
	}
	want := testBody(1219, 9)
	var got []byte
	for n := uint32(0); ; n++ {
		a := s.want(getOf("hs", query, s.echo(), blockValue(message.Block2, Block{Number: n, SZX: 4})), codes.Content)
		b, _, _ := optionBlock(a.Options, message.Block2)
		etag, _ := option(a.Options, message.ETag)
		age, _ := optionUint(a.Options, message.MaxAge)
		if b.Number != n || b.SZX != 4 || !bytes.Equal(etag, entityTag(want)) || age != publicAge {
			t.Fatalf("block %v, options %v", b, a.Options)
		}
		if got = append(got, a.Payload...); !b.More {
			break
		}
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%d bytes", len(got))
	}
	s.want(getOf("hs", query, s.echo(), blockValue(message.Block2, Block{Number: 5, SZX: 4})), codes.BadRequest)
	s.want(getOf("hs", query, s.echo(), message.Option{ID: message.ETag, Value: entityTag(want)}), codes.Valid)
	if a := s.want(getOf("hs", query, s.echo()), codes.Content); len(a.Payload) != 1024 {
		t.Errorf("%d bytes", len(a.Payload))
	}
	core := s.want(getOf(".well-known/core", s.echo()), codes.Content)
	format, _ := optionUint(core.Options, message.ContentFormat)
	if _, found := option(core.Options, message.Block2); found || format != 40 || string(core.Payload) != `</hs>;rt="pqcoap.hs"` {
		t.Errorf("%v", &core)
	}
	if s.lane.Stats().Entries != 0 {
		t.Error("a GET left an entry")
	}
}
