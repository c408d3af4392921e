package session

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/plgd-dev/go-coap/v3/message"

	"github.com/pqcoap/pqcoap/coap"
	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/handshake/cwt"
)

func TestPublic(t *testing.T) {
	f := newFleet(t)
	serverKey, otherKey := testKeys()
	token, older := f.token(cwt.UsageServer, nil), f.token(cwt.UsageServer, nil)
	p := newPublic([]handshake.Identity{otherKey.Identity(), f.identity(serverKey, token, older)})
	pinned := otherKey.ServerCredential().Bytes()
	second := serverKey.ServerCredential()
	kid := fmt.Sprintf("k=%x", second.KeyID())
	for _, row := range []struct {
		path, query []string
		want        []byte
		format      message.MediaType
	}{
		{[]string{"hs"}, []string{"s=3"}, pinned, message.AppCBOR},
		{[]string{"hs"}, []string{"s=3", "f=cwt"}, token, message.AppCBOR},
		{[]string{"hs"}, []string{"f=cwt", "s=3"}, token, message.AppCBOR},
		{[]string{"hs"}, []string{"s=3", "x=y"}, pinned, message.AppCBOR},
		{[]string{"hs"}, []string{"s=3", kid}, second.Bytes(), message.AppCBOR},
		{[]string{"hs"}, []string{"s=2", kid}, nil, 0},
		{[]string{"hs"}, []string{"s=3", "k=00"}, pinned, message.AppCBOR},
		{[]string{"hs"}, []string{"s=3", "f=x509"}, nil, 0},
		{[]string{"hs"}, []string{"s=2"}, nil, 0},
		{[]string{"hs"}, []string{"s=2", "f=cwt"}, nil, 0},
		{[]string{"hs"}, []string{"s="}, nil, 0},
		{[]string{"hs"}, nil, nil, 0},
		{[]string{"hs", "s=3"}, nil, nil, 0},
		{[]string{".well-known", "core"}, nil, []byte(wellKnown), message.AppLinkFormat},
		{[]string{"x"}, []string{"s=3"}, nil, 0},
	} {
		body, format, found := p.get(row.path, row.query)
		if found != (row.want != nil) || !bytes.Equal(body, row.want) || found && format != row.format {
			t.Errorf("%q %q: found %v, %d bytes, format %v", row.path, row.query, found, len(body), format)
		}
	}
}

// TestLargestBody: the lane takes the largest m1 there is.
func TestLargestBody(t *testing.T) {
	if coap.DefaultMaxBody != handshake.MaxM1 {
		t.Errorf("a body of %d bytes, m1 of %d", coap.DefaultMaxBody, handshake.MaxM1)
	}
}
