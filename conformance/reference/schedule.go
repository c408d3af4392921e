package reference

// A Trace is every value of one handshake, named as in docs/protocol.md sections 4 and 5.
type Trace struct {
	PkE        Hex `json:"pk_e"`
	CtS        Hex `json:"ct_s"`
	SsS        Hex `json:"ss_s"`
	Th0        Hex `json:"th0"`
	S1         Hex `json:"s1"`
	K1         Hex `json:"k1"`
	Plaintext1 Hex `json:"plaintext_1"`
	M1         Hex `json:"m1"`
	Th1        Hex `json:"th1"`
	CtE        Hex `json:"ct_e"`
	SsE        Hex `json:"ss_e"`
	Th2        Hex `json:"th2"`
	S2         Hex `json:"s2"`
	K2         Hex `json:"k2"`
	CtC        Hex `json:"ct_c,omitempty"`
	Plaintext2 Hex `json:"plaintext_2"`
	M2         Hex `json:"m2"`
	Who        Hex `json:"who"`
	Auth       Hex `json:"auth"` // ss_C, the PSK, or zeros
	Th3        Hex `json:"th3"`
	S3         Hex `json:"s3"`
	CAp        Hex `json:"c_ap"`
	SAp        Hex `json:"s_ap"`
	Exporter   Hex `json:"exporter"`
	Resumption Hex `json:"resumption"`
	SessionID  Hex `json:"session_id"`
}

// begin derives th0, s1 and k1.
func (s Suite) begin(t *Trace, credS []byte) {
	t.Th0 = s.H([]byte("pqcoap v1"), []byte{s.Number}, s.Sum(credS), KeyID(credS), t.PkE, t.CtS)
	t.S1 = s.extract(t.Th0, t.SsS)
	t.K1 = s.expand(t.S1, "m1", t.Th0)
}

// hear derives th1.
func (s Suite) hear(t *Trace) { t.Th1 = s.H(t.Th0, t.Plaintext1) }

// ephemeral derives th2, s2 and k2.
func (s Suite) ephemeral(t *Trace) {
	t.Th2 = s.H(t.Th1, t.CtE)
	t.S2 = s.extract(s.expand(t.S1, "derived", t.Th2), t.SsE)
	t.K2 = s.expand(t.S2, "m2", t.Th2)
}

// finish derives th3, s3 and the secrets of the session.
func (s Suite) finish(t *Trace, mode Mode) {
	t.Th3 = s.H(t.Th2, t.Plaintext2, []byte{byte(mode)}, t.Who)
	t.S3 = s.extract(s.expand(t.S2, "derived", t.Th3), t.Auth)
	t.CAp = s.expand(t.S3, "c_ap", t.Th3)
	t.SAp = s.expand(t.S3, "s_ap", t.Th3)
	t.Exporter = s.expand(t.S3, "exporter", t.Th3)
	t.Resumption = s.expand(t.S3, "resumption", t.Th3)
	t.SessionID = s.expand(t.Exporter, "session id", nil)
}

// RefusalKey is the key of a refusal (docs/protocol.md section 6).
func (s Suite) RefusalKey(t *Trace, nonceR []byte) Hex {
	return s.expand(t.S1, "err", s.H(t.Th1, nonceR))
}
