// Package handshake agrees on the keys of a pqcoap session with ML-KEM: one message
// from the device, one from the server (docs/protocol.md sections 2 to 6), and on those of
// the next session with a ticket of the one before (section 16).
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
// In a session the server may give a ticket, [TicketKeys.Issue], of which the device makes a
// [ResumptionState]. With it, and [TicketKeys] in place of the server's KEM key, the next
// session begins in the same way:
//
//	r, err := handshake.NewResumer(rand.Reader, state, handshake.ResumerConfig{...})
//	// r.M1R() goes to the server
//	m, err := handshake.ParseM1R(m1r)
//	a, err := responder.OpenResumption(now, m, keys, limits)
//	m2r, res, err := a.Respond(rand.Reader, grant)   // or a.Refuse
//	// m2r goes to the device
//	res, err := r.Finish(m2r)
//
// Who trusts an authority knows the other by a token: a device makes the ServerCredential of
// one that it has verified, and shows its own (InitiatorConfig.Token); what a server is shown is
// [ClientCredential].Token. This package does not read tokens, package cwt does.
//
// The messages travel as bodies of CoAP requests; how is not the matter of this package.
// It does no I/O, reads no clock, logs nothing and starts no goroutine; time and randomness are
// arguments (crypto/rand.Reader outside tests). An [Initiator], [Accepted], [Resumer] and
// [Resumption] are for one goroutine at a time, a [Responder] and all keys for any number.
//
// Types that hold secrets show a short fingerprint, or nothing, to fmt, slog and the
// encoders of the standard library. They overwrite what they can where it ends; the
// expanded KEM keys inside the KEM library are left to the garbage collector.
package handshake
