package session

import (
	"encoding/hex"
	"strconv"
	"strings"

	"github.com/plgd-dev/go-coap/v3/message"

	"github.com/pqcoap/pqcoap/handshake"
)

// A public is what the plain lane serves by GET (docs/protocol.md section 7).
type public struct {
	pinned map[string][]byte  // cred_S by suite
	tokens map[string][]byte  // in its certified form
	named  map[keyName][]byte // all keys there are
}

// keyName is how a device that has pinned a fingerprint asks for the key of it.
type keyName struct{ suite, kid string }

// newPublic takes the first of each suite: the one that devices are to know.
func newPublic(ids []handshake.Identity) *public {
	p := &public{pinned: make(map[string][]byte), tokens: make(map[string][]byte), named: make(map[keyName][]byte)}
	for _, id := range ids {
		suite, kid := strconv.Itoa(int(id.Suite())), id.Pinned().KeyID()
		p.named[keyName{suite, hex.EncodeToString(kid[:])}] = id.Pinned().Bytes()
		if p.pinned[suite] == nil {
			p.pinned[suite] = id.Pinned().Bytes()
		}
		if token := id.Token(); token != nil && p.tokens[suite] == nil {
			p.tokens[suite] = token.Bytes()
		}
	}
	return p
}

// wellKnown is in link format (RFC 6690).
const wellKnown = `</hs>;rt="pqcoap.hs";ct=60`

// get answers GET /hs?s=SUITE, with f=cwt for the certified form or k=KID for a key that is not the
// first of its suite, and GET /.well-known/core.
func (p *public) get(path, query []string) (body []byte, format message.MediaType, found bool) {
	switch strings.Join(path, "/") {
	case ".well-known/core":
		return []byte(wellKnown), message.AppLinkFormat, true
	case "hs":
		return p.credential(query)
	}
	return nil, 0, false
}

func (p *public) credential(query []string) (body []byte, format message.MediaType, found bool) {
	forms, suite, kid := p.pinned, "", ""
	for _, q := range query {
		name, value, _ := strings.Cut(q, "=")
		switch {
		case name == "s" && suite == "":
			suite = value
		case name == "f" && value == "cwt":
			forms = p.tokens
		case name == "f":
			return nil, 0, false
		case name == "k":
			kid = value
		}
	}
	if body, found = p.named[keyName{suite, kid}]; found {
		return body, message.AppCBOR, true
	}
	body, found = forms[suite]
	return body, message.AppCBOR, found
}
