package handshake

import (
	"bytes"
	"testing"
)

// TestResumptionSchedule computes the schedule of docs/protocol.md section 16.3 a second time,
// as TestSchedule does that of section 5.
func TestResumptionSchedule(t *testing.T) {
	eachForm(t, func(t *testing.T, c *chain, ephemeral bool) {
		s := plainSchedule{c.suite, map[Suite]int{1: 32, 2: 32, 3: 16, 4: 32}[c.suite]}
		secret := bytes.Clone(c.state.secret)
		r := c.resumer(ephemeral)
		skE := r.skE
		m2r, _ := c.answer(r.M1R(), "responder")
		res, err := r.Finish(m2r)
		if err != nil {
			t.Fatal(err)
		}
		o, q := elements(t, r.M1R()), elements(t, m2r)
		zeros := make([]byte, s.new().Size())
		ssE, pkE, ctE := zeros, []byte(nil), []byte(nil)
		if ephemeral {
			pkE, ctE = o[3].([]byte), q[1].([]byte)
			ssE, _ = c.suite.decapsulate(skE, ctE)
		}

		th0r := s.h([]byte("pqcoap v1 resume"), []byte{byte(c.suite)}, o[1].([]byte), o[2].([]byte), pkE)
		plain1 := s.open(t, s.expand(secret, "m1r", th0r, s.size), o[4].([]byte))
		th1r := s.h(th0r, plain1)
		th2r := s.h(th1r, q[0].([]byte), ctE)
		s1r := s.extract(th0r, secret)
		s2r := s.extract(s.expand(s1r, "derived", th2r, s.new().Size()), ssE)
		plain2 := s.open(t, s.expand(s2r, "m2r", th2r, s.size), q[2].([]byte))
		th3r := s.h(th2r, plain2)
		s3r := s.extract(s.expand(s2r, "derived", th3r, s.new().Size()), zeros)
		exporter := s.expand(s3r, "exporter", th3r, s.new().Size())
		for name, pair := range map[string][2][]byte{
			"c_ap":       {s.expand(s3r, "c_ap", th3r, s.new().Size()), res.SendSecret},
			"s_ap":       {s.expand(s3r, "s_ap", th3r, s.new().Size()), res.ReceiveSecret},
			"exporter":   {exporter, res.Exporter},
			"resumption": {s.expand(s3r, "resumption", th3r, 32), res.Resumption},
			"session id": {s.expand(exporter, "session id", nil, 16), res.SessionID[:]},
		} {
			if !bytes.Equal(pair[0], pair[1]) {
				t.Errorf("%s is not as docs/protocol.md says", name)
			}
		}
	})
}

// TestScheduleInputs: each input of th0r and th2r changes what follows, and none can be moved
// into the next one.
func TestScheduleInputs(t *testing.T) {
	seen := map[string]bool{}
	for _, in := range [][4]string{
		{"secret", "ticket", "nonce", ""}, {"Secret", "ticket", "nonce", ""}, {"secret", "Ticket", "nonce", ""},
		{"secret", "ticket", "Nonce", ""}, {"secret", "ticket", "nonce", "pk"}, {"secret", "ticketn", "once", ""},
		{"secret", "ticket", "noncep", "k"},
	} {
		for _, suite := range []Suite{XWing, MLKEM768} {
			step1, k1r := newStep1R(suite, Secret(in[0]), []byte(in[1]), []byte(in[2]), []byte(in[3]))
			step1.add([]byte("plain"))
			for _, q := range [][2]string{{"nonceS", ""}, {"NonceS", ""}, {"nonceS", "ct"}, {"nonceSc", "t"}} {
				step2 := step1.nextR([]byte(q[0]), []byte(q[1]), suite.zeros())
				seen[string(step2.k2r())] = true
			}
			seen[string(k1r)] = true
		}
	}
	if want := 7 * 2 * 5; len(seen) != want {
		t.Errorf("%d keys differ, want %d", len(seen), want)
	}
}
