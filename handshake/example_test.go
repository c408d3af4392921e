package handshake_test

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"time"

	"github.com/pqcoap/pqcoap/handshake"
)

// A device and a server that know each other's keys. Errors are left out to be short.
func Example() {
	// Once: keys, and what either side knows of the other.
	serverKey, _ := handshake.GenerateKey(rand.Reader, handshake.XWing)
	deviceKey, _ := handshake.GenerateKey(rand.Reader, handshake.XWing)
	registry := map[handshake.DeviceID]*handshake.PublicKey{
		deviceKey.Public().DeviceID(): deviceKey.Public(),
	}
	responder := handshake.NewResponder(serverKey.Identity())

	// The device makes m1.
	initiator, _ := handshake.NewInitiator(rand.Reader, handshake.InitiatorConfig{
		Server: serverKey.ServerCredential(),
		Key:    deviceKey,
	})

	// The server opens it, looks the device up and answers with m2.
	m, _ := handshake.ParseM1(initiator.M1())
	accepted, _ := responder.Open(m)
	m2, server, _ := accepted.Respond(rand.Reader, handshake.Grant{
		Key:          registry[handshake.DeviceID(accepted.Credential.ID)],
		ConnectionID: []byte{0x40, 0x2a},
		ResetToken:   [16]byte{ /* derived from the connection ID */ },
	})

	// The device opens m2. Both have the same keys.
	device, _ := initiator.Finish(m2)
	fmt.Println(device.Suite, device.Mode)
	fmt.Println(bytes.Equal(device.SendSecret, server.ReceiveSecret))
	// Output:
	// X-Wing kem
	// true
}

// The next session, with a ticket of the one before. Errors are left out to be short.
func ExampleNewResumer() {
	now := time.Now()
	limits := handshake.Limits{Lifetime: 30 * 24 * time.Hour, Small: 8, SmallAge: 24 * time.Hour}
	serverKey, _ := handshake.GenerateKey(rand.Reader, handshake.XWing)
	responder := handshake.NewResponder(serverKey.Identity())
	keys, _ := handshake.NewTicketKeys(rand.Reader, now)
	grant := handshake.Grant{ConnectionID: []byte{0x40, 0x2a}}

	// A full handshake, of an anonymous device. The server issues a ticket; when the session
	// is confirmed, the ticket goes to the device in a record.
	initiator, _ := handshake.NewInitiator(rand.Reader, handshake.InitiatorConfig{Server: serverKey.ServerCredential()})
	m, _ := handshake.ParseM1(initiator.M1())
	accepted, _ := responder.Open(m)
	m2, server, _ := accepted.Respond(rand.Reader, grant)
	ticket, _ := keys.Issue(rand.Reader, now, server, limits)
	device, _ := initiator.Finish(m2)
	state, _ := handshake.NewResumptionState(now, device, ticket)

	// The next day the device takes the state from its disk, where it must not find it again,
	// and makes m1r.
	resumer, _ := handshake.NewResumer(rand.Reader, state, handshake.ResumerConfig{
		Suite:  handshake.XWing,
		Server: serverKey.ServerCredential().Fingerprint(),
	})

	// The server opens it and answers with m2r.
	r, _ := handshake.ParseM1R(resumer.M1R())
	resumption, _ := responder.OpenResumption(now.Add(time.Hour), r, keys, limits)
	m2r, server, _ := resumption.Respond(rand.Reader, grant)

	// The device opens m2r. Both have the same keys.
	device, _ = resumer.Finish(m2r)
	fmt.Println(len(resumer.M1R()), len(m2r))
	fmt.Println(bytes.Equal(device.SendSecret, server.ReceiveSecret))
	// Output:
	// 122 59
	// true
}
