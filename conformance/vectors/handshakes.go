package vectors

import (
	"crypto/sha256"
	"fmt"
	"reflect"

	"github.com/pqcoap/pqcoap/conformance/reference"
)

// handshakes are those of every suite and mode.
func handshakes() (all []Scenario) {
	for _, suite := range suites {
		for mode := range reference.Mode(len(modes)) {
			all = append(all, handshakeOf(newPair(suite, mode), modes[mode]))
		}
		all = append(all, certified(suite))
	}
	return all
}

// certified is a handshake where an authority vouches for both sides.
func certified(suite reference.Suite) *Handshake {
	m := signers[1]
	if suite.Number == small.Number {
		m = signers[0]
	}
	p := newPair(suite, reference.ModeKEM)
	p.device.CredS = tokenOf(m, claimsOf(suite, 1))
	p.device.Token = tokenOf(m, claimsOf(suite, 2))
	p.server.CredS = p.device.CredS
	v := handshakeOf(p, "cwt")
	v.About = "Sections 4, 5 and 17: cred_S and credential_C are tokens."
	v.Authority = reference.AKP(m.algorithm, m.PublicKey(m.authority()))
	return v
}

func handshakeOf(p pair, name string) *Handshake {
	suite, mode := p.device.Suite, p.device.Mode
	p.open()
	must(p.server.Answer())
	must(p.device.Finish(p.server.Trace.M2))
	if !reflect.DeepEqual(p.device.Trace, p.server.Trace) {
		panic("vectors: the two sides of the reference differ")
	}
	fingerprint := sha256.Sum256(p.device.CredS)
	v := &Handshake{
		Header: Header{
			Name:   fmt.Sprintf("handshake-%d-%s", suite.Number, name),
			About:  "Sections 3 to 5 and 11: a whole handshake and the first record each way.",
			Kind:   KindHandshake,
			Expect: OK,
		},
		Suite: suite.Number, Mode: mode,
		Device: p.deviceSide(), Server: p.serverSide(),
		CredS: p.device.CredS, Fingerprint: fingerprint[:], KidS: reference.KeyID(p.device.CredS),
		Trace: p.device.Trace,
	}
	if mode == reference.ModeKEM {
		v.PkC, v.Reference = p.server.PkC, suite.Reference(p.server.PkC)
	}
	ping, reset := Hex{0x40, 0, 0x12, 0x34}, Hex{0x70, 0, 0x12, 0x34}
	v.DeviceRecord = firstRecord(suite, v.Trace.CAp, p.server.ConnectionID, ping)
	v.ServerRecord = firstRecord(suite, v.Trace.SAp, nil, reset)
	return v
}

// firstRecord seals content as record 0 of epoch 3.
func firstRecord(suite reference.Suite, secret, connectionID, content Hex) FirstRecord {
	t := must1(reference.NewTraffic(recordSuite(suite), secret))
	return FirstRecord{content, t.Seal(reference.Header{ConnectionID: connectionID, Epoch: 3}, 0, 23, content, 0)}
}

func recordSuite(suite reference.Suite) uint16 {
	if suite.KeySize == 16 {
		return aes128
	}
	return aes256
}

// refusals are one of each suite, in varying modes, codes and lengths.
func refusals() (all []Scenario) {
	for i, r := range []struct {
		mode reference.Mode
		text RefusalText
	}{
		{reference.ModeKEM, RefusalText{1, 0, "credential not accepted"}},
		{reference.ModeNone, RefusalText{2, 0, ""}},
		{reference.ModePSK, RefusalText{3, 300, "Später bitte"}},
		{reference.ModeKEM, RefusalText{23, 4294967295, "a code of a later version, and a text of 55 bytes, full"}},
	} {
		all = append(all, refusal(suites[i], r.mode, r.text))
	}
	return all
}

func refusal(suite reference.Suite, mode reference.Mode, text RefusalText) *Refusal {
	p := newPair(suite, mode).open()
	t := &p.server.Trace
	nonce := random(16, "nonce_R, suite %d", suite.Number)
	v := &Refusal{
		Header: Header{
			Name:   fmt.Sprintf("refusal-%d-code-%d", suite.Number, text.Code),
			About:  "Section 6: a sealed refusal in place of m2.",
			Kind:   KindRefusal,
			Expect: Refused,
		},
		Suite: suite.Number, Mode: mode, CredS: p.device.CredS,
		Device: p.deviceSide(), Seed: p.server.Seed,
		NonceR: nonce, Refusal: text,
		M1: t.M1, S1: t.S1, Th1: t.Th1, KErr: suite.RefusalKey(t, nonce),
		PlaintextR: reference.EncodeRefusal(text.Code, text.RetryAfter, text.Text),
	}
	v.Answer = p.server.Refuse(nonce, v.PlaintextR)
	if got := outcome(p.device.Finish(v.Answer)); got != Refused {
		panic("vectors: the reference does not open its own refusal")
	}
	return v
}
