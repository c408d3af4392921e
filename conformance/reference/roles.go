package reference

import "bytes"

// A Device is the initiator of docs/protocol.md section 4. Seed is that of its KEM key in
// ModeKEM, where it may have a Token; PSKID and PSK are of ModePSK.
type Device struct {
	Suite      Suite
	Mode       Mode
	CredS      []byte
	PkS        []byte
	Seed       []byte
	Token      []byte
	PSKID, PSK []byte
	Parameters Parameters
	SeedE      []byte // of pk_e
	RandomS    []byte // of the encapsulation to pk_S
	Trace      Trace
	// What m2 brought.
	ConnectionID, ResetToken []byte
	Peer                     Parameters
}

// Credential is credential_C of the device.
func (d *Device) Credential() ([]byte, error) {
	switch {
	case d.Token != nil:
		return CertifiedCredential(d.Token), nil
	case d.Mode == ModeKEM:
		pk, err := d.Suite.KEM.PublicKey(d.Seed)
		return Credential(d.Mode, d.Suite.Reference(pk)), err
	case d.Mode == ModePSK:
		return Credential(d.Mode, d.PSKID), nil
	}
	return Credential(ModeNone, nil), nil
}

// Start makes m1.
func (d *Device) Start() error {
	credential, err := d.Credential()
	if err != nil {
		return err
	}
	return d.StartWith(Array(credential, d.Parameters.CBOR()))
}

// StartWith makes an m1 whose plaintext_1 is given.
func (d *Device) StartWith(plaintext1 []byte) error {
	pkE, err := d.Suite.KEM.PublicKey(d.SeedE)
	if err != nil {
		return err
	}
	return d.StartWithKey(pkE, plaintext1)
}

// StartWithKey makes an m1 whose pk_e is given, too.
func (d *Device) StartWithKey(pkE, plaintext1 []byte) error {
	ctS, ssS, err := d.Suite.KEM.Encapsulate(d.PkS, d.RandomS)
	if err != nil {
		return err
	}
	t := &d.Trace
	t.PkE, t.CtS, t.SsS, t.Plaintext1 = pkE, ctS, ssS, plaintext1
	d.Suite.begin(t, d.CredS)
	t.M1 = d.Suite.EncodeM1(KeyID(d.CredS), pkE, ctS, Seal(t.K1, plaintext1))
	d.Suite.hear(t)
	return nil
}

// Finish takes m2, or a refusal, which it returns as an error.
func (d *Device) Finish(m2 []byte) error {
	first, sealed, err := pair(m2)
	if err != nil {
		return err
	}
	if len(first) == 16 {
		return d.refused(first, sealed)
	}
	t := d.Trace // a copy: an m2 that fails has not come
	t.M2, t.CtE = m2, first
	if t.SsE, err = d.Suite.KEM.Decapsulate(d.SeedE, first); err != nil {
		return err
	}
	d.Suite.ephemeral(&t)
	if t.Plaintext2, err = unseal(t.K2, sealed); err != nil {
		return err
	}
	ctC, cid, token, peer, err := d.Suite.plaintext2(d.Mode, t.Plaintext2)
	if err != nil {
		return err
	}
	if err := d.authenticate(&t, ctC); err != nil {
		return err
	}
	d.Suite.finish(&t, d.Mode)
	d.Trace, d.ConnectionID, d.ResetToken, d.Peer = t, cid, token, peer
	return nil
}

func (d *Device) refused(nonceR, sealed []byte) error {
	plain, err := unseal(d.Suite.RefusalKey(&d.Trace, nonceR), sealed)
	if err != nil {
		return err
	}
	return refusal(plain)
}

// authenticate fills the table of section 5.
func (d *Device) authenticate(t *Trace, ctC []byte) error {
	switch d.Mode {
	case ModeNone:
		t.Who, t.Auth = Hex{}, make(Hex, d.Suite.Hash().Size())
	case ModePSK:
		t.Who, t.Auth = d.PSKID, d.PSK
	case ModeKEM:
		pk, err := d.Suite.KEM.PublicKey(d.Seed)
		if err != nil {
			return err
		}
		t.CtC, t.Who = ctC, d.Suite.Sum(d.Suite.PublicObject(pk))
		t.Auth, err = d.Suite.KEM.Decapsulate(d.Seed, ctC)
		return err
	}
	return nil
}

// A Server is the responder of section 4, with the credential of one device.
type Server struct {
	Suite                    Suite
	Seed                     []byte
	CredS                    []byte // nil: the pinned form
	PkC                      []byte // ModeKEM
	PSKID, PSK               []byte // ModePSK
	ConnectionID, ResetToken []byte
	Parameters               Parameters
	RandomE, RandomC         []byte // of the encapsulations to pk_e and pk_C
	Trace                    Trace
	// What m1 brought.
	Mode  Mode
	ID    []byte
	Token []byte // in place of the ID
	Peer  Parameters
}

// Open takes m1.
func (s *Server) Open(m1 []byte) error {
	kidS, pkE, ctS, sealed, err := s.Suite.m1(m1)
	if err != nil {
		return err
	}
	pkS, err := s.Suite.KEM.PublicKey(s.Seed)
	if err != nil {
		return err
	}
	credS := s.CredS
	if credS == nil {
		credS = s.Suite.PublicObject(pkS)
	}
	if !bytes.Equal(kidS, KeyID(credS)) {
		return ErrRejected
	}
	t := &s.Trace
	t.M1, t.PkE, t.CtS = m1, pkE, ctS
	if t.SsS, err = s.Suite.KEM.Decapsulate(s.Seed, ctS); err != nil {
		return err
	}
	s.Suite.begin(t, credS)
	if t.Plaintext1, err = unseal(t.K1, sealed); err != nil {
		return err
	}
	s.Suite.hear(t)
	s.Mode, s.ID, s.Token, s.Peer, err = plaintext1(t.Plaintext1)
	return err
}

// Encapsulate makes (ct_e, ss_e), and in ModeKEM (ct_C, ss_C).
func (s *Server) Encapsulate() (err error) {
	t := &s.Trace
	if t.CtE, t.SsE, err = s.encapsulate(t.PkE, s.RandomE); err != nil {
		return err
	}
	s.Suite.ephemeral(t)
	switch s.Mode {
	case ModeNone:
		t.Who, t.Auth = Hex{}, make(Hex, s.Suite.Hash().Size())
	case ModePSK:
		t.Who, t.Auth = s.PSKID, s.PSK
	case ModeKEM:
		t.Who = s.Suite.Sum(s.Suite.PublicObject(s.PkC))
		t.CtC, t.Auth, err = s.encapsulate(s.PkC, s.RandomC)
	}
	return err
}

func (s *Server) encapsulate(pk, random []byte) (ct, ss Hex, err error) {
	return s.Suite.KEM.Encapsulate(pk, random)
}

// Answer makes m2 from what Open has taken.
func (s *Server) Answer() error {
	if err := s.Encapsulate(); err != nil {
		return err
	}
	s.AnswerWith(EncodePlaintext2(s.Trace.CtC, s.ConnectionID, s.ResetToken, s.Parameters.CBOR()))
	return nil
}

// AnswerWith makes an m2 whose plaintext_2 is given, after Encapsulate.
func (s *Server) AnswerWith(plaintext2 []byte) {
	t := &s.Trace
	t.Plaintext2 = plaintext2
	t.M2 = Array(Bytes(t.CtE), Bytes(Seal(t.K2, plaintext2)))
	s.Suite.finish(t, s.Mode)
}

// Refuse returns a refusal with a plaintext_R.
func (s *Server) Refuse(nonceR, plaintextR []byte) []byte {
	return Array(Bytes(nonceR), Bytes(Seal(s.Suite.RefusalKey(&s.Trace, nonceR), plaintextR)))
}
