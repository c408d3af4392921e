package flood

import (
	"crypto/rand"
	"net/netip"
	"runtime"
	"testing"
	"time"

	"github.com/pqcoap/pqcoap/coap"
	"github.com/pqcoap/pqcoap/conformance/rig"
	"github.com/pqcoap/pqcoap/handshake"
)

// A short flood of each kind: devices get in, and what the attackers have sent has come.
func TestRun(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("SKIPPED: only Linux has all of 127.0.0.0/8")
	}
	cfg := Config{Suite: handshake.MLKEM512, Rate: 20, Times: 10, Duration: 200 * time.Millisecond, Peers: rig.Inside}
	told := 0
	r, err := Run(t.Context(), cfg, func(Row) { told++ })
	if err != nil || len(r.Rows) != len(kinds) || told != len(kinds) {
		t.Fatalf("%+v, %v", r, err)
	}
	for _, row := range r.Rows {
		if row.Succeeded != row.Devices || row.Devices < 2 || row.P99 < row.P50 || row.P50 <= 0 {
			t.Errorf("devices: %+v", row)
		}
		switch {
		case (row.Attacks > 0) != (row.Kind != quiet) || (row.In > 0) != (row.Attacks > 0):
			t.Errorf("attackers: %+v", row)
		case row.Unproven && row.Amplification > MaxAmplification:
			t.Errorf("amplification: %+v", row)
		}
	}
}

func TestChoose(t *testing.T) {
	chosen, err := choose([]string{"half-open", quiet})
	if err != nil || len(chosen) != 2 || chosen[0].name != "half-open" {
		t.Error(chosen, err)
	}
	if _, err := choose([]string{"half-open", "rain"}); err == nil {
		t.Error("a kind that there is not")
	}
}

func TestJudge(t *testing.T) {
	good := Row{Devices: 1000, Succeeded: 999, Unproven: true, Amplification: 3, Grown: MaxGrown}
	for want, change := range map[string][]func(*Row){
		Pass:  {func(*Row) {}, func(r *Row) { r.Unproven, r.Amplification = false, 9 }},
		Short: {func(r *Row) { r.Succeeded-- }, func(r *Row) { r.Amplification = 3.1 }, func(r *Row) { r.Grown++ }, func(r *Row) { *r = Row{} }},
	} {
		for i, f := range change {
			r := good
			f(&r)
			if r.judge(); r.Verdict != want {
				t.Errorf("%s %d: %+v", want, i, r)
			}
		}
	}
}

// What attackers send is what its name says.
func TestKinds(t *testing.T) {
	key, err := handshake.GenerateKey(rand.Reader, handshake.MLKEM512)
	if err != nil {
		t.Fatal(err)
	}
	m, err := newMaker(handshake.MLKEM512, key.ServerCredential(), [32]byte{1}, []byte{7}, 2)
	if err != nil {
		t.Fatal(err)
	}
	from := netip.MustParseAddr("127.1.2.3")
	responder := handshake.NewResponder(key.Identity())
	opens := map[string]bool{"no Echo": false, "wrong Echo": false, "junk m1": false, "replayed m1": true, "half-open": true}
	for _, k := range kinds {
		want, is := opens[k.name]
		if !is {
			continue
		}
		var body []byte
		var msg coap.Message
		for _, b := range k.make(m, from) {
			if msg, err = coap.Parse(b); err != nil || len(b) > 1232 {
				t.Fatal(len(b), err)
			}
			body = append(body, msg.Payload...)
		}
		m1, err := handshake.ParseM1(body)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := responder.Open(m1); (err == nil) != want {
			t.Errorf("%s: %v", k.name, err)
		}
		value, err := msg.Options.GetBytes(252)
		if proven := err == nil && m.echo.Verify(time.Now(), from, value); proven == k.unproven {
			t.Errorf("%s: address proven %t", k.name, proven)
		}
	}
}
