package handshake

import (
	"bytes"
	"errors"
	"testing"
)

// Messages are long and random numbers make coverage differ from run to run, so fuzz with
// -fuzzminimizetime 10x, or most of the time goes into making inputs shorter.

// FuzzM1: what parses is encoded to the same bytes, and opening it ends in one of the
// documented ways.
func FuzzM1(f *testing.F) {
	var ids []Identity
	for _, suite := range allSuites {
		ids = append(ids, mustKey(f, suite, "server").Identity())
		for _, mode := range allModes {
			f.Add(newPair(f, suite, mode).initiator().M1())
		}
	}
	responder := NewResponder(ids...)
	f.Add([]byte{0x85, 1, 0x40, 0x40, 0x40, 0x40})
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := ParseM1(b)
		if err != nil {
			if !errors.Is(err, ErrMalformed) {
				t.Fatalf("error = %v", err)
			}
			return
		}
		if !bytes.Equal(m.encode(), b) {
			t.Fatal("parsed, but not encoded to the same")
		}
		a, err := responder.Open(m)
		if (a == nil) != (err != nil) {
			t.Fatalf("accepted = %v, error = %v", a != nil, err)
		}
	})
}

// FuzzFinish: only the true m2 and refusal do anything.
func FuzzFinish(f *testing.F) {
	p := newPair(f, MLKEM512, ModeKEM)
	m1 := p.initiator().M1()
	m2, _ := p.respond(m1)
	refusal := mustRefuse(f, p.accept(m1), "refusal")
	f.Add(m2)
	f.Add(refusal)
	f.Add(m1)
	f.Add([]byte{0x82, 0x40, 0x40})
	i := p.initiator()
	f.Fuzz(func(t *testing.T, b []byte) {
		if bytes.Equal(b, m2) || bytes.Equal(b, refusal) {
			return
		}
		if res, err := i.Finish(b); res != nil || err != ErrRejected {
			t.Fatalf("result = %v, error = %v", res != nil, err)
		}
	})
}

// FuzzPlaintext1: what parses is encoded to something that parses to the same credential.
func FuzzPlaintext1(f *testing.F) {
	for _, mode := range allModes {
		p := newPair(f, MLKEM512, mode)
		a := p.accept(p.initiator().M1())
		f.Add((&plaintext1{a.Credential, a.Parameters}).encode())
	}
	f.Add(encode([]any{[]any{3, []byte("cwt")}, map[uint64]any{}}))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := parsePlaintext1(b)
		if err != nil {
			if !errors.Is(err, ErrMalformed) {
				t.Fatalf("error = %v", err)
			}
			return
		}
		again, err := parsePlaintext1(p.encode())
		if err != nil || again.credential != p.credential {
			t.Fatalf("%+v became %+v, error = %v", p, again, err)
		}
	})
}

// FuzzPlaintext2 does the same at the device, in each mode.
func FuzzPlaintext2(f *testing.F) {
	full := Parameters{1232, seconds(3600), []byte("12345678"), [8]byte{1}}
	f.Add(uint8(0), (&plaintext2{connID: []byte{1}, parameters: full}).encode())
	f.Add(uint8(1), (&plaintext2{connID: []byte{1, 2}, ctC: make([]byte, 768)}).encode())
	f.Add(uint8(2), (&plaintext2{connID: make([]byte, 8), parameters: full}).encode())
	f.Fuzz(func(t *testing.T, mode uint8, b []byte) {
		p, err := parsePlaintext2(MLKEM512, Mode(mode%3), b)
		if err != nil {
			if !errors.Is(err, ErrMalformed) {
				t.Fatalf("error = %v", err)
			}
			return
		}
		if (p.ctC != nil) != (mode%3 == 1) {
			t.Fatal("ct_C is not as the mode wants it")
		}
		again, err := parsePlaintext2(MLKEM512, Mode(mode%3), p.encode())
		if err != nil || !bytes.Equal(again.connID, p.connID) || again.resetToken != p.resetToken {
			t.Fatalf("%+v became %+v, error = %v", p, again, err)
		}
	})
}

// FuzzRefusal: a plaintext_R that parses has its size, and fields in their ranges.
func FuzzRefusal(f *testing.F) {
	f.Add(padRefusal(refusalObject{Code: 3, RetryAfter: 30, Text: "busy"}))
	f.Add(padRefusal(refusalObject{Code: 23, RetryAfter: maxSeconds}))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := parseRefusal(b)
		if err != nil {
			if !errors.Is(err, ErrMalformed) {
				t.Fatalf("error = %v", err)
			}
			return
		}
		if len(b) != refusalPlainSize || r.Code > maxRefusalCode || r.RetryAfter < 0 {
			t.Fatalf("%d bytes parsed to %v", len(b), r)
		}
	})
}

// FuzzKeys: key objects and cred_S that parse are encoded to the same bytes.
func FuzzKeys(f *testing.F) {
	for _, suite := range allSuites {
		k := mustKey(f, suite, "server")
		f.Add(k.Append(nil))
		f.Add(k.ServerCredential().Bytes())
	}
	f.Add(mustPSK(f, "device").Append(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		if k, err := ParsePrivateKey(b); err == nil && !bytes.Equal(k.Append(nil), b) {
			t.Fatal("another private key")
		}
		if p, err := ParsePSK(b); err == nil && !bytes.Equal(p.Append(nil), b) {
			t.Fatal("another PSK")
		}
		if c, err := ParseServerCredential(b); err == nil && !bytes.Equal(c.Bytes(), b) {
			t.Fatal("another credential")
		}
	})
}
