package coap

import (
	"bytes"

	"github.com/plgd-dev/go-coap/v3/message"
	"github.com/plgd-dev/go-coap/v3/message/codes"
)

// laneResource is what a path names on the plain lane.
type laneResource uint8

const (
	resourceNone laneResource = iota
	resourceHandshake
	resourceCore // /.well-known/core, RFC 6690
)

func resourceOf(options message.Options) laneResource {
	var path [16]byte // longer than both
	p := path[:0]
	for _, o := range options {
		if o.ID != message.URIPath {
			continue
		}
		if len(o.Value) > 11 || len(p) > 12 || bytes.IndexByte(o.Value, '/') >= 0 {
			return resourceNone
		}
		p = append(append(p, '/'), o.Value...)
	}
	switch string(p) {
	case "/hs":
		return resourceHandshake
	case "/.well-known/core":
		return resourceCore
	}
	return resourceNone
}

// understoodByLane holds the critical options that may be in a request.
func understoodByLane(id message.OptionID) bool {
	switch id {
	case message.URIHost, message.URIPort, message.URIPath, message.URIQuery, message.Accept,
		message.Block1, message.Block2, message.ProxyURI, message.ProxyScheme:
		return true
	}
	return !isCritical(id)
}

// request takes a well-formed request.
func (l *Lane) request(v *visit, m *Message) *Transfer {
	for _, o := range m.Options {
		if !understoodByLane(o.ID) {
			l.badOption(v)
			return nil
		}
	}
	_, uri := option(m.Options, message.ProxyURI)
	_, scheme := option(m.Options, message.ProxyScheme)
	resource := resourceOf(m.Options)
	switch {
	case uri || scheme:
		l.refuse(v, codes.ProxyingNotSupported)
	case resource == resourceNone: // the application is reached through records only
		l.refuse(v, codes.Unauthorized)
	case m.Code == codes.GET:
		l.get(v, m)
	case m.Code == codes.POST && resource == resourceHandshake:
		return l.post(v, m)
	default:
		l.refuse(v, codes.MethodNotAllowed)
	}
	return nil
}

// get serves a representation block by block, without a memory of who has which: its
// ETag tells the client whether they belong together.
func (l *Lane) get(v *visit, m *Message) {
	b, _, err := optionBlock(m.Options, message.Block2)
	_, block1 := option(m.Options, message.Block1)
	if err != nil || block1 {
		l.refuse(v, codes.BadRequest)
		return
	}
	if _, found := option(m.Options, message.Block2); !found {
		b.SZX = maxSZX
	}
	if !l.echoed(v, m) {
		v.size *= amplify // a GET is often smaller than the Echo it needs
		l.demandEcho(v, nil)
		return
	}
	body, format, found := l.config.Get(optionStrings(m.Options, message.URIPath), optionStrings(m.Options, message.URIQuery))
	if !found {
		l.refuse(v, codes.NotFound)
		return
	}
	if accept, ok := optionUint(m.Options, message.Accept); ok && accept != uint32(format) {
		l.refuse(v, codes.NotAcceptable)
		return
	}
	l.represent(v, m, b, newRepresentation(body, entityTag(body)), format)
}

func (l *Lane) represent(v *visit, m *Message, b Block, content representation, format message.MediaType) {
	if !l.allowed(v) {
		return
	}
	r := response{code: codes.Content, etag: content.etag, maxAge: publicAge}
	for _, o := range m.Options {
		if o.ID == message.ETag && bytes.Equal(o.Value, content.etag) {
			r.code = codes.Valid // RFC 7252 section 5.9.1.3
			l.send(&v.head, &r, maxDatagram, v.out)
			return
		}
	}
	payload, more, ok := content.block(b.Number, b.SZX)
	if !ok {
		l.refuse(v, codes.BadRequest)
		return
	}
	b.More = more
	r.format, r.hasFormat = format, true
	r.block2, r.hasBlock2 = b, more || b.Number > 0
	r.payload = payload
	l.send(&v.head, &r, maxDatagram, v.out)
}

func optionStrings(options message.Options, id message.OptionID) []string {
	var values []string
	for _, o := range options {
		if o.ID == id {
			values = append(values, string(o.Value))
		}
	}
	return values
}

// echoed tells whether a message proves its address.
func (l *Lane) echoed(v *visit, m *Message) bool {
	value, ok := option(m.Options, optionEcho)
	return ok && l.config.Echo.Verify(v.now, v.from.Addr(), value)
}
