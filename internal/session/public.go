package session

import (
	"strconv"
	"strings"

	"github.com/plgd-dev/go-coap/v3/message"

	"github.com/pqcoap/pqcoap/handshake"
)

// A public is what the plain lane serves by GET (docs/protocol.md section 7).
type public struct {
	credentials map[string][]byte // cred_S by suite
}

func newPublic(keys []*handshake.PrivateKey) *public {
	p := &public{credentials: make(map[string][]byte)}
	for _, k := range keys {
		p.credentials[strconv.Itoa(int(k.Suite()))] = k.ServerCredential().Bytes()
	}
	return p
}

// wellKnown is in link format (RFC 6690).
const wellKnown = `</hs>;rt="pqcoap.hs";ct=60`

// get answers GET /hs?s=SUITE and GET /.well-known/core.
func (p *public) get(path, query []string) (body []byte, format message.MediaType, found bool) {
	switch strings.Join(path, "/") {
	case ".well-known/core":
		return []byte(wellKnown), message.AppLinkFormat, true
	case "hs":
		for _, q := range query {
			if suite, ok := strings.CutPrefix(q, "s="); ok {
				body, found = p.credentials[suite]
				return body, message.AppCBOR, found
			}
		}
	}
	return nil, 0, false
}
