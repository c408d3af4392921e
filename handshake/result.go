package handshake

// A Result is what a finished handshake gives either side (docs/protocol.md section 5).
// Whoever takes the secrets over wipes them.
type Result struct {
	Suite Suite
	Mode  Mode

	SendSecret    Secret // traffic secret of epoch 3: c_ap at the device, s_ap at the server
	ReceiveSecret Secret // the other one
	Exporter      Secret
	Resumption    Secret

	ConnectionID []byte   // cid_S, on the records to the server
	ResetToken   [16]byte // of that connection ID; whoever knows it could end the session
	Peer         Parameters
	SessionID    [16]byte // for logs and displays, the same at both sides

	binding binding // at a device
	lineage lineage // at a server

	unprintable
}

// Wipe overwrites the secrets.
func (r *Result) Wipe() {
	for _, s := range []Secret{r.SendSecret, r.ReceiveSecret, r.Exporter, r.Resumption} {
		s.Wipe()
	}
}

// result derives the secrets of the session, for the device.
func (k *step3) result(mode Mode, p *plaintext2) *Result {
	defer wipe(k.s3)
	exporter := k.secret("exporter")
	return &Result{
		Suite: k.suite, Mode: mode,
		SendSecret:    k.secret("c_ap"),
		ReceiveSecret: k.secret("s_ap"),
		Exporter:      exporter,
		Resumption:    k.resumption(),
		ConnectionID:  p.connID,
		ResetToken:    p.resetToken,
		Peer:          p.parameters,
		SessionID:     [16]byte(k.suite.expand(exporter, "session id", nil, 16)),
	}
}
