package record

import (
	"bytes"
	"errors"
	"testing"
)

// atRest returns a device, and the state of its server, which knows two epochs.
func atRest(t testing.TB, suite CipherSuite) (device *end, old []byte, state []byte) {
	t.Helper()
	a, b := testPair(t, suite, testID(t, "8001beef"))
	device = &end{t, a, NewControl(a, ControlConfig{}, testTime)}
	server := &end{t, b, NewControl(b, ControlConfig{}, testTime)}
	old = mustSeal(t, a, "of the epoch before")
	device.control.Update(false)
	server.take(testTime, device.datagram(testTime))
	device.take(testTime, server.datagram(testTime))
	s, err := server.control.Export()
	if err != nil {
		t.Fatal(err)
	}
	return device, old, s.Bytes()
}

// What a trial says of a datagram is what the restored session finds, and neither the state nor
// the datagram is changed by it.
func TestTrial(t *testing.T) {
	for _, suite := range []CipherSuite{AES128GCMSHA256, AES256GCMSHA384} {
		device, old, state := atRest(t, suite)
		new := mustSeal(t, device.conn, "first")
		first, err := device.conn.Seal(nil, ApplicationData, []byte("with a length"), false)
		if err != nil {
			t.Fatal(err)
		}
		second := mustSeal(t, device.conn, "second")
		broken := bytes.Clone(first)
		broken[len(broken)-1] ^= 1
		for name, test := range map[string]struct {
			datagram []byte
			want     Tried
		}{
			"a record":                     {new, Tried{Opened: true}},
			"of the older epoch":           {old, Tried{Opened: true}},
			"two":                          {append(bytes.Clone(first), second...), Tried{Opened: true}},
			"the second of two":            {append(bytes.Clone(broken), second...), Tried{Opened: true, Rejected: 1}},
			"neither of two":               {append(bytes.Clone(broken), broken...), Tried{Rejected: 2}},
			"another epoch":                {append([]byte{new[0] ^ 3}, new[1:]...), Tried{Rejected: 1}},
			"another connection ID":        {append([]byte{new[0], 0x81}, new[2:]...), Tried{Rejected: 1}},
			"shorter than its header":      {new[:5], Tried{Rejected: 1}},
			"shorter than a tag":           {new[:20], Tried{Rejected: 1}},
			"longer than the largest":      {append(bytes.Clone(new), make([]byte, maxCiphertext)...), Tried{Rejected: 1}},
			"nothing":                      {nil, Tried{}},
			"plain CoAP behind a record":   {append(bytes.Clone(broken), 0x40, 1, 2, 3), Tried{Rejected: 2}},
			"a record with a bit flipped":  {flip(new, 8*len(new)-1), Tried{Rejected: 1}},
			"a record with another number": {flip(new, 8*5), Tried{Rejected: 1}},
		} {
			var trial Trial
			before, sent := bytes.Clone(state), bytes.Clone(test.datagram)
			got, err := trial.Open(before, sent)
			if err != nil || got != test.want {
				t.Errorf("%v, %s: %+v, %v, want %+v", suite, name, got, err, test.want)
			}
			if !bytes.Equal(sent, test.datagram) {
				t.Errorf("%v, %s: the datagram has changed", suite, name)
			}
			conn, _, err := Restore(before, ControlConfig{}, testTime)
			if err != nil {
				t.Fatal(err)
			}
			failed := conn.receive[0].failed + conn.receive[1].failed
			conn.receive[0].failed, conn.receive[1].failed = 0, 0
			if want, _, _ := Restore(state, ControlConfig{}, testTime); stateOf(conn) != stateOf(want) || failed > uint64(test.want.Rejected) {
				t.Errorf("%v, %s: the state has changed", suite, name)
			}
			if opened := opens(conn, sent); opened != test.want.Opened {
				t.Errorf("%v, %s: the session opens it: %v", suite, name, opened)
			}
		}
	}
}

func flip(b []byte, bit int) []byte {
	b = bytes.Clone(b)
	b[bit/8] ^= 1 << (bit % 8)
	return b
}

// opens reports that a record of a datagram opens.
func opens(c *Conn, datagram []byte) (opened bool) {
	for rest := datagram; len(rest) > 0; {
		var err error
		if _, rest, err = c.Open(rest); err == nil {
			opened = true
		}
	}
	return opened
}

// What opened before the session went to rest does not open behind it.
func TestTrialReplay(t *testing.T) {
	device, server := ends(t, ControlConfig{})
	datagram := mustSeal(t, device.conn, "x")
	server.take(testTime, bytes.Clone(datagram))
	state, err := server.control.Export()
	if err != nil {
		t.Fatal(err)
	}
	var trial Trial
	if got, err := trial.Open(state.Bytes(), datagram); err != nil || got != (Tried{Replayed: 1}) {
		t.Errorf("%+v, %v", got, err)
	}
}

// Failures at rest count for the limit (RFC 9147 section 4.5.3), and there it ends.
func TestTrialFailures(t *testing.T) {
	device, _, state := atRest(t, AES128GCMSHA256)
	good := mustSeal(t, device.conn, "x")
	bad := flip(good, 8*len(good)-1)
	var trial Trial
	for range 3 {
		trial.Open(state, bad)
	}
	conn, control, err := Restore(state, ControlConfig{}, testTime)
	if err != nil || conn.receive[0].failed != 3 {
		t.Fatalf("%d failures, %v", conn.receive[0].failed, err)
	}
	conn.receive[0].failed = failedLimit - 1
	s, err := control.Export()
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		datagram []byte
		want     Tried
	}{{good, Tried{Opened: true}}, {bad, Tried{Rejected: 1}}, {good, Tried{Rejected: 1}}} {
		if got, err := trial.Open(s.Bytes(), test.datagram); err != nil || got != test.want {
			t.Errorf("%+v, %v, want %+v", got, err, test.want)
		}
	}
}

// Whatever state and datagram are tried: no panic, and what is no state is refused.
func FuzzTrial(f *testing.F) {
	device, old, state := atRest(f, AES128GCMSHA256)
	f.Add(state, old)
	f.Add(state, mustSeal(f, device.conn, "x"))
	for _, b := range exported(f) {
		f.Add(b, old)
		f.Add(b[:len(b)/2], old)
	}
	f.Fuzz(func(t *testing.T, state, datagram []byte) {
		var trial Trial
		before := bytes.Clone(datagram)
		_, err := trial.Open(bytes.Clone(state), datagram)
		if err != nil && !errors.Is(err, ErrState) || !bytes.Equal(datagram, before) {
			t.Fatalf("error = %v", err)
		}
		if _, _, restored := Restore(state, ControlConfig{}, testTime); restored == nil && err != nil {
			t.Fatalf("refused what can be restored: %v", err)
		}
	})
}

// go test -run - -bench Trial ./record
func BenchmarkTrial(b *testing.B) {
	for _, suite := range []CipherSuite{AES128GCMSHA256, AES256GCMSHA384} {
		device, _, state := atRest(b, suite)
		good := mustSeal(b, device.conn, string(make([]byte, 64)))
		for name, datagram := range map[string][]byte{
			"opens": good, "junk": flip(good, 8*len(good)-1), "epoch": append([]byte{good[0] ^ 2}, good[1:]...),
		} {
			b.Run(suite.String()+"/"+name, func(b *testing.B) {
				var trial Trial
				b.ReportAllocs()
				for b.Loop() {
					trial.Open(state, datagram)
				}
			})
		}
	}
}

// go test -run - -bench Restore ./record
func BenchmarkRestore(b *testing.B) {
	_, _, state := atRest(b, AES256GCMSHA384)
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := Restore(state, ControlConfig{}, testTime); err != nil {
			b.Fatal(err)
		}
	}
}
