package cwt_test

import (
	"crypto/rand"
	"fmt"
	"time"

	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/handshake/cwt"
)

// An operator's authority vouches for a server, whose key no device has seen before.
func Example() {
	authority, err := cwt.GenerateAuthority(rand.Reader, cwt.MLDSA65)
	check(err)
	serverKey, err := handshake.GenerateKey(rand.Reader, handshake.XWing)
	check(err)
	now := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	token, err := authority.Issue(rand.Reader, cwt.Claims{
		Issuer: "fleet.example", Subject: "coap.fleet.example", Usage: cwt.UsageServer,
		NotBefore: now, Expires: now.AddDate(0, 3, 0), Issued: now, Key: serverKey.Public(),
	})
	check(err)
	server, err := serverKey.Identity().Certified(token)
	check(err)
	responder := handshake.NewResponder(server)

	// At the device, which has the authority's key and has fetched the token:
	claims, err := authority.Public().Verify(token, cwt.Want{
		Issuer: "fleet.example", Subject: "coap.fleet.example", Usage: cwt.UsageServer,
		Suite: handshake.XWing, Now: now.Add(time.Hour), Skew: time.Minute,
	})
	check(err)
	credS, err := handshake.NewCertifiedCredential(claims.Key, token)
	check(err)
	i, err := handshake.NewInitiator(rand.Reader, handshake.InitiatorConfig{Server: credS})
	check(err)

	m1, err := handshake.ParseM1(i.M1())
	check(err)
	fmt.Println(responder.Knows(m1), claims.Subject, claims.Usage)
	// Output: true coap.fleet.example server
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
