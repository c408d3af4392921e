package reference

// A ResumeTrace is every value of one resumption, named as in docs/protocol.md sections 16.2
// and 16.3. pk_e, ct_e and ss_e are those of the form with a KEM key; in the small form ss_e
// is zeros.
type ResumeTrace struct {
	Secret     Hex `json:"secret"` // resumption of the session before
	Ticket     Hex `json:"ticket"`
	NonceC     Hex `json:"nonce_c"`
	PkE        Hex `json:"pk_e,omitempty"`
	Th0        Hex `json:"th0r"`
	S1         Hex `json:"s1r"`
	K1         Hex `json:"k1r"`
	Plaintext1 Hex `json:"plaintext_1r"`
	M1         Hex `json:"m1r"`
	Th1        Hex `json:"th1r"`
	NonceS     Hex `json:"nonce_s"`
	CtE        Hex `json:"ct_e,omitempty"`
	SsE        Hex `json:"ss_e"`
	Th2        Hex `json:"th2r"`
	S2         Hex `json:"s2r"`
	K2         Hex `json:"k2r"`
	Plaintext2 Hex `json:"plaintext_2r"`
	M2         Hex `json:"m2r"`
	Th3        Hex `json:"th3r"`
	S3         Hex `json:"s3r"`
	CAp        Hex `json:"c_ap"`
	SAp        Hex `json:"s_ap"`
	Exporter   Hex `json:"exporter"`
	Resumption Hex `json:"resumption"`
	SessionID  Hex `json:"session_id"`
}

// begin derives th0r, s1r and k1r.
func (t *ResumeTrace) begin(s Suite) {
	t.Th0 = s.H([]byte("pqcoap v1 resume"), []byte{s.Number}, t.Ticket, t.NonceC, t.PkE)
	t.S1 = s.extract(t.Th0, t.Secret)
	t.K1 = s.expand(t.Secret, "m1r", t.Th0)
}

// hear derives th1r.
func (t *ResumeTrace) hear(s Suite) { t.Th1 = s.H(t.Th0, t.Plaintext1) }

// answer derives th2r, s2r and k2r.
func (t *ResumeTrace) answer(s Suite) {
	t.Th2 = s.H(t.Th1, t.NonceS, t.CtE)
	t.S2 = s.extract(s.expand(t.S1, "derived", t.Th2), t.SsE)
	t.K2 = s.expand(t.S2, "m2r", t.Th2)
}

// finish derives th3r, s3r and the secrets of the session.
func (t *ResumeTrace) finish(s Suite) {
	t.Th3 = s.H(t.Th2, t.Plaintext2)
	t.S3 = s.extract(s.expand(t.S2, "derived", t.Th3), s.zeros())
	t.CAp = s.expand(t.S3, "c_ap", t.Th3)
	t.SAp = s.expand(t.S3, "s_ap", t.Th3)
	t.Exporter = s.expand(t.S3, "exporter", t.Th3)
	t.Resumption = s.expand(t.S3, "resumption", t.Th3)
	t.SessionID = s.expand(t.Exporter, "session id", nil)
}

func (s Suite) zeros() Hex { return make(Hex, s.Hash().Size()) }

// ResumeRefusalKey is the key of a refusal of m1r.
func (s Suite) ResumeRefusalKey(t *ResumeTrace, nonceR []byte) Hex {
	return s.expand(t.S1, "err", s.H(t.Th1, nonceR))
}

// EncodeM1R returns m1r. pkE is nil in the small form.
func (s Suite) EncodeM1R(ticket, nonceC, pkE, sealed1 []byte) []byte {
	return Array(Uint(uint64(s.Number)), Bytes(ticket), Bytes(nonceC), nullable(pkE), Bytes(sealed1))
}

// EncodeM2R returns m2r. ctE is nil in the small form.
func EncodeM2R(nonceS, ctE, sealed2 []byte) []byte {
	return Array(Bytes(nonceS), nullable(ctE), Bytes(sealed2))
}

// EncodePlaintext2R returns plaintext_2r.
func EncodePlaintext2R(cid, token, parameters []byte) []byte {
	return Array(Bytes(cid), Bytes(token), parameters)
}

func nullable(b []byte) []byte {
	if b == nil {
		return Null()
	}
	return Bytes(b)
}

// nullable reads a byte string of n bytes, or null.
func (r *reader) nullable(n int) []byte {
	if r.null() {
		return nil
	}
	return r.size(r.bytes(), n)
}

// A ResumingDevice has a ticket and its secret. SeedE is nil in the small form.
type ResumingDevice struct {
	Suite      Suite
	NonceC     []byte
	SeedE      []byte
	Parameters Parameters
	Trace      ResumeTrace // Secret and Ticket are given
	// What m2r brought.
	ConnectionID, ResetToken []byte
	Peer                     Parameters
}

// Start makes m1r.
func (d *ResumingDevice) Start() error { return d.StartWith(d.Parameters.CBOR()) }

// StartWith makes an m1r whose plaintext_1r is given.
func (d *ResumingDevice) StartWith(plaintext1 []byte) (err error) {
	var pkE []byte
	if d.SeedE != nil {
		pkE, err = d.Suite.KEM.PublicKey(d.SeedE)
	}
	d.StartWithKey(pkE, plaintext1)
	return err
}

// StartWithKey makes an m1r whose pk_e is given, too.
func (d *ResumingDevice) StartWithKey(pkE, plaintext1 []byte) {
	t := &d.Trace
	t.NonceC, t.PkE, t.Plaintext1 = d.NonceC, pkE, plaintext1
	t.begin(d.Suite)
	t.M1 = d.Suite.EncodeM1R(t.Ticket, t.NonceC, pkE, Seal(t.K1, plaintext1))
	t.hear(d.Suite)
}

// Finish takes m2r, or a refusal, which it returns as an error.
func (d *ResumingDevice) Finish(b []byte) error {
	if first, sealed, err := pair(b); err == nil {
		plain, err := unseal(d.Suite.ResumeRefusalKey(&d.Trace, first), sealed)
		if err != nil || len(first) != 16 {
			return ErrRejected
		}
		return refusal(plain)
	}
	t := d.Trace // a copy: an m2r that fails has not come
	r := reader{rest: b}
	r.array(3)
	t.NonceS, t.CtE = r.size(r.bytes(), 16), r.nullable(d.Suite.CipherSize)
	sealed := r.bytes()
	if err := r.end(); err != nil || (t.CtE == nil) != (d.SeedE == nil) {
		return ErrMalformed
	}
	t.M2, t.SsE = b, d.Suite.zeros()
	if t.CtE != nil {
		ss, err := d.Suite.KEM.Decapsulate(d.SeedE, t.CtE)
		if err != nil {
			return err
		}
		t.SsE = ss
	}
	t.answer(d.Suite)
	plain, err := unseal(t.K2, sealed)
	if err != nil {
		return err
	}
	t.Plaintext2 = plain
	r = reader{rest: plain}
	r.array(3)
	cid, token := r.bytes(), r.size(r.bytes(), 16)
	r.bad = r.bad || len(cid) < 1 || len(cid) > 8
	peer := r.parameters()
	if err := r.end(); err != nil {
		return err
	}
	t.finish(d.Suite)
	d.Trace, d.ConnectionID, d.ResetToken, d.Peer = t, cid, token, peer
	return nil
}

// A ResumingServer has what the ticket holds.
type ResumingServer struct {
	Suite                    Suite
	Secret                   []byte
	ConnectionID, ResetToken []byte
	Parameters               Parameters
	NonceS                   []byte
	RandomE                  []byte // of the encapsulation to pk_e
	Trace                    ResumeTrace
	// What m1r brought.
	Peer Parameters
}

// Open takes m1r. What its ticket holds is not looked at.
func (s *ResumingServer) Open(m1 []byte) (err error) {
	t := &s.Trace
	r := reader{rest: m1, bad: len(m1) > 9216}
	r.array(5)
	r.bad = r.uint() != uint64(s.Suite.Number) || r.bad
	t.M1, t.Secret, t.Ticket = m1, s.Secret, r.bytes()
	r.bad = r.bad || len(t.Ticket) < 16 || len(t.Ticket) > 512
	t.NonceC, t.PkE = r.size(r.bytes(), 16), r.nullable(s.Suite.PublicSize)
	sealed := r.bytes()
	r.bad = r.bad || len(sealed) < 17 || len(sealed) > 1024
	if err := r.end(); err != nil {
		return err
	}
	t.begin(s.Suite)
	if t.Plaintext1, err = unseal(t.K1, sealed); err != nil {
		return err
	}
	t.hear(s.Suite)
	r = reader{rest: t.Plaintext1}
	s.Peer = r.parameters()
	r.bad = r.bad || s.Peer.Echo != nil
	return r.end()
}

// Encapsulate makes (ct_e, ss_e), or zeros in the small form.
func (s *ResumingServer) Encapsulate() error {
	t := &s.Trace
	t.NonceS, t.SsE = s.NonceS, s.Suite.zeros()
	if t.PkE != nil {
		ct, ss, err := s.Suite.KEM.Encapsulate(t.PkE, s.RandomE)
		if err != nil {
			return err
		}
		t.CtE, t.SsE = ct, ss
	}
	t.answer(s.Suite)
	return nil
}

// Answer makes m2r from what Open has taken.
func (s *ResumingServer) Answer() error {
	if err := s.Encapsulate(); err != nil {
		return err
	}
	s.AnswerWith(EncodePlaintext2R(s.ConnectionID, s.ResetToken, s.Parameters.CBOR()))
	return nil
}

// AnswerWith makes an m2r whose plaintext_2r is given, after Encapsulate.
func (s *ResumingServer) AnswerWith(plaintext2 []byte) {
	t := &s.Trace
	t.Plaintext2 = plaintext2
	t.M2 = EncodeM2R(t.NonceS, t.CtE, Seal(t.K2, plaintext2))
	t.finish(s.Suite)
}

// Refuse returns a refusal with a plaintext_R.
func (s *ResumingServer) Refuse(nonceR, plaintextR []byte) []byte {
	return Array(Bytes(nonceR), Bytes(Seal(s.Suite.ResumeRefusalKey(&s.Trace, nonceR), plaintextR)))
}
