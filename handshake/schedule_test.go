package handshake

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"hash"
	"testing"
)

// The tests of this file compute the schedule a second time, from docs/protocol.md section
// 5 and RFC 5869 with HMAC alone, over what crossed the wire and the KEM's secrets.

type plainSchedule struct {
	suite Suite
	size  int // of the AEAD's keys
}

func (s plainSchedule) new() hash.Hash { return s.suite.Hash().New() }

func (s plainSchedule) hash(b []byte) []byte {
	h := s.new()
	h.Write(b)
	return h.Sum(nil)
}

func (s plainSchedule) h(inputs ...[]byte) []byte {
	var all []byte
	for _, in := range inputs {
		all = append(all, byte(len(in)>>24), byte(len(in)>>16), byte(len(in)>>8), byte(len(in)))
		all = append(all, in...)
	}
	return s.hash(all)
}

func (s plainSchedule) extract(salt, ikm []byte) []byte {
	m := hmac.New(s.new, salt)
	m.Write(ikm)
	return m.Sum(nil)
}

// expand needs one block of HKDF-Expand: no output is longer than the hash.
func (s plainSchedule) expand(secret []byte, label string, context []byte, size int) []byte {
	info := []byte{byte(size >> 8), byte(size), byte(8 + len(label))}
	info = append(info, "pqcoap1 "+label...)
	info = append(info, byte(len(context)))
	info = append(info, context...)
	m := hmac.New(s.new, secret)
	m.Write(append(info, 1))
	return m.Sum(nil)[:size]
}

func (s plainSchedule) open(t *testing.T, key, sealed []byte) []byte {
	t.Helper()
	block, err := aes.NewCipher(key)
	if err != nil {
		t.Fatal(err)
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		t.Fatal(err)
	}
	plain, err := gcm.Open(nil, make([]byte, 12), sealed, nil)
	if err != nil {
		t.Fatal(err)
	}
	return plain
}

func TestSchedule(t *testing.T) {
	each(t, func(t *testing.T, p *pair) {
		s := plainSchedule{p.suite, map[Suite]int{1: 32, 2: 32, 3: 16, 4: 32}[p.suite]}
		i := p.initiator()
		skE := i.skE
		m2, _ := p.respond(i.M1())
		res, err := i.Finish(m2)
		if err != nil {
			t.Fatal(err)
		}
		o, q := elements(t, i.M1()), elements(t, m2)
		pkE, ctS, ctE := o[2].([]byte), o[3].([]byte), q[0].([]byte)
		credS := p.cfg.Server.Bytes()
		kid := sha256.Sum256(credS)
		ssS, _ := p.suite.decapsulate(p.serverKey.kem, ctS)
		ssE, _ := p.suite.decapsulate(skE, ctE)

		th0 := s.h([]byte("pqcoap v1"), []byte{byte(p.suite)}, s.hash(credS), kid[:8], pkE, ctS)
		s1 := s.extract(th0, ssS)
		th1 := s.h(th0, s.open(t, s.expand(s1, "m1", th0, s.size), o[4].([]byte)))
		th2 := s.h(th1, ctE)
		s2 := s.extract(s.expand(s1, "derived", th2, s.new().Size()), ssE)
		plain2 := s.open(t, s.expand(s2, "m2", th2, s.size), q[1].([]byte))
		who, auth := []byte(nil), make([]byte, s.new().Size())
		switch p.mode {
		case ModeKEM:
			auth, _ = p.suite.decapsulate(p.cfg.Key.kem, elements(t, plain2)[0].([]byte))
			who = s.hash(p.cfg.Key.Public().object)
		case ModePSK:
			who, auth = p.cfg.PSK.ID[:], p.cfg.PSK.Key[:]
		}
		th3 := s.h(th2, plain2, []byte{byte(p.mode)}, who)
		s3 := s.extract(s.expand(s2, "derived", th3, s.new().Size()), auth)
		exporter := s.expand(s3, "exporter", th3, s.new().Size())
		for label, got := range map[string][]byte{
			"c_ap": res.SendSecret, "s_ap": res.ReceiveSecret,
		} {
			if want := s.expand(s3, label, th3, s.new().Size()); !bytes.Equal(got, want) {
				t.Errorf("%s is not as docs/protocol.md says", label)
			}
		}
		if !bytes.Equal(s.expand(s3, "resumption", th3, 32), res.Resumption) {
			t.Error("resumption is not as docs/protocol.md says")
		}
		if !bytes.Equal(exporter, res.Exporter) {
			t.Error("exporter is not as docs/protocol.md says")
		}
		if !bytes.Equal(s.expand(exporter, "session id", nil, 16), res.SessionID[:]) {
			t.Error("session id is not as docs/protocol.md says")
		}
	})
}

// TestFraming: inputs cannot be moved from one field to the next.
func TestFraming(t *testing.T) {
	a := XWing.transcript([]byte("ab"), []byte("c"))
	b := XWing.transcript([]byte("a"), []byte("bc"))
	c := XWing.transcript([]byte("abc"))
	d := XWing.transcript([]byte("abc"), nil)
	for n, x := range [][]byte{a, b, c, d} {
		for m, y := range [][]byte{a, b, c, d} {
			if n != m && bytes.Equal(x, y) {
				t.Errorf("transcripts %d and %d are equal", n, m)
			}
		}
	}
}

func TestSealWipesItsKey(t *testing.T) {
	key := Secret(bytes.Repeat([]byte{1}, 32))
	sealed := seal(key, []byte("text"))
	if !bytes.Equal(key, make([]byte, 32)) {
		t.Error("seal left its key")
	}
	key = Secret(bytes.Repeat([]byte{1}, 32))
	if plain, err := open(key, sealed); err != nil || string(plain) != "text" {
		t.Errorf("open: %q, %v", plain, err)
	}
	if !bytes.Equal(key, make([]byte, 32)) {
		t.Error("open left its key")
	}
}
