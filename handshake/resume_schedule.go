package handshake

// The key schedule of a resumption, docs/protocol.md section 16.3: that of section 5 with
// the secret of the ticket in place of ss_S. ss_e may be missing, and no secret of the mode
// goes in: the ticket's stands for all of the session that it comes from.

// newStep1R derives th0r and s1r, and k1r beside them.
func newStep1R(suite Suite, resumption Secret, ticket, nonceC, pkE []byte) (k step1, k1r Secret) {
	th0r := suite.transcript([]byte("pqcoap v1 resume"), []byte{byte(suite)}, ticket, nonceC, pkE)
	k = step1{suite: suite, th0: th0r, s1: suite.extract(th0r, resumption)}
	return k, suite.expand(resumption, "m1r", th0r, suite.KeySize())
}

// nextR derives th2r and s2r. ss_e is zeros without ct_e; it is wiped.
func (k *step1) nextR(nonceS, ctE []byte, ssE Secret) step2 {
	defer wipe(ssE)
	th2r := k.suite.transcript(k.th1, nonceS, ctE)
	return step2{k.suite, th2r, k.suite.chain(k.s1, th2r, ssE)}
}

// k2r is the key of sealed_2r.
func (k *step2) k2r() Secret {
	return k.suite.expand(k.s2, "m2r", k.th2, k.suite.KeySize())
}

// nextR derives th3r and s3r.
func (k *step2) nextR(plaintext2r []byte) step3 {
	th3r := k.suite.transcript(k.th2, plaintext2r)
	return step3{k.suite, th3r, k.suite.chain(k.s2, th3r, k.suite.zeros())}
}

// zeros are Nh zero bytes, where a secret is absent.
func (s Suite) zeros() Secret { return make(Secret, s.Hash().Size()) }
