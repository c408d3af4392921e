package handshake_test

import (
	"bytes"
	"crypto/rand"
	"fmt"

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
	responder := handshake.NewResponder(serverKey)

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
