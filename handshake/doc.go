// Package handshake agrees on the keys of a pqcoap session with ML-KEM: one message
// from the device, one from the server (docs/protocol.md sections 2 to 6).
//
// A device starts with [NewInitiator], a server with [NewResponder]:
//
//	i, err := handshake.NewInitiator(rand.Reader, handshake.InitiatorConfig{Server: cred, Key: key})
//	// i.M1() goes to the server
//	m, err := handshake.ParseM1(m1)                  // cheap: shape only
//	a, err := responder.Open(m)                      // decapsulates, opens sealed_1
//	m2, res, err := a.Respond(rand.Reader, grant)    // or a.Refuse
//	// m2 goes to the device
//	res, err := i.Finish(m2)
//
// The messages travel as bodies of CoAP requests; how is not the matter of this package.
// It does no I/O, reads no clock, logs nothing and starts no goroutine; randomness is an
// argument (crypto/rand.Reader outside tests). An [Initiator] and an [Accepted] are for
// one goroutine at a time, a [Responder] and all keys for any number.
//
// Types that hold secrets show a short fingerprint, or nothing, to fmt, slog and the
// encoders of the standard library. They overwrite what they can where it ends; the
// expanded KEM keys inside the KEM library are left to the garbage collector.
package handshake
