package record

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// Whatever comes from where, and whoever answers what: no address that has not proved itself gets
// more than three times the bytes that came from it, and an address proves itself by the cookie
// that was sent to it.
func TestAmplificationLimit(t *testing.T) {
	addresses := []netip.AddrPort{away, away, away, stranger, home}
	moved := 0
	rapid.Check(t, func(rt *rapid.T) {
		p, heard := NewPath(home), true
		if rapid.Bool().Draw(rt, "unheard") {
			p, heard = NewUnheardPath(home), false
		}
		random := rand.NewChaCha8([32]byte{5})
		now := testTime
		received, sent := map[netip.AddrPort]int{}, map[netip.AddrPort]int{}
		cookies := map[netip.AddrPort][]Cookie{}
		count := func(to netip.AddrPort, size int) {
			switch {
			case !to.IsValid() && !heard:
				return
			case to == p.Address() && !heard:
				rt.Fatalf("%d bytes to %v, of which nothing is known", size, to)
			case to == p.Address():
				return
			}
			if sent[to] += size; sent[to] > 3*received[to] {
				rt.Fatalf("%d bytes to %v for %d", sent[to], to, received[to])
			}
		}
		for range rapid.IntRange(1, 200).Draw(rt, "steps") {
			before, size := p.Address(), rapid.IntRange(20, 1200).Draw(rt, "size")
			a := rapid.SampledFrom(addresses).Draw(rt, "address")
			switch rapid.SampledFrom([]string{"receive", "receive", "send", "challenge", "challenge", "answer", "answer", "time"}).Draw(rt, "step") {
			case "receive":
				received[a] += size
				newest := rapid.Bool().Draw(rt, "newest")
				heard = heard || newest && a == home
				p.Receive(now, a, size, newest)
			case "send":
				count(p.Route(now, size, rapid.Bool().Draw(rt, "answer")), size)
			case "challenge":
				m, to, ok, err := p.Challenge(now, random, size)
				if err != nil {
					rt.Fatal(err)
				}
				if ok {
					count(to, size)
					cookies[to] = append(cookies[to], m.Cookie)
				}
			case "answer":
				if n := len(cookies[a]); n > 0 {
					kind := rapid.SampledFrom([]PathMessageType{PathResponse, PathResponse, PathChallenge, PathDrop}).Draw(rt, "type")
					if _, err := p.Handle(now, PathMessage{kind, cookies[a][n-1]}.Append(nil)); err != nil {
						rt.Fatal(err)
					}
				}
			case "time":
				now = now.Add(time.Duration(rapid.IntRange(1, 1000).Draw(rt, "ms")) * time.Millisecond)
				p.Advance(now)
			}
			if after := p.Address(); after != before {
				heard = true
				if moved++; len(cookies[after]) == 0 {
					rt.Fatalf("moved to %v, which was never asked", after)
				}
			}
		}
	})
	if moved == 0 && !testing.Short() { // -short is too few runs for some
		t.Error("the model never saw a move")
	}
}

// A copied record, on the wire and in both directions: the copy opens first, from elsewhere; the
// original is a replay; the challenge reaches the true peer by its own path, and nothing moves.
func TestCopiedRecord(t *testing.T) {
	device, server := testPair(t, AES128GCMSHA256, testID(t, "4711"))
	for name, pair := range map[string][2]*Conn{"to the server": {device, server}, "to the device": {server, device}} {
		sender, receiver := pair[0], pair[1]
		p := newPathEnd(t)
		genuine := mustSeal(t, sender, "reading")
		r, _, err := receiver.Open(bytes.Clone(genuine)) // from the stranger
		if err != nil {
			t.Fatal(err)
		}
		p.expect(p.Receive(testTime, stranger, len(genuine), r.Moves()), PathCheck, home)
		if _, _, err := receiver.Open(bytes.Clone(genuine)); err == nil {
			t.Fatalf("%s: the original opens, too", name)
		}
		m, to, ok, err := p.Challenge(testTime, p.rand, challengeSize)
		if err != nil || !ok || to != home {
			t.Fatalf("%s: %v to %v, %v", name, ok, to, err)
		}
		exchange := func(from, to *Conn, m PathMessage) PathMessage {
			b, err := from.Seal(nil, ReturnRoutability, m.Append(nil), true)
			if err != nil {
				t.Fatal(err)
			}
			r, _, err := to.Open(b)
			got, err2 := ParsePathMessage(r.Content)
			if err != nil || err2 != nil || r.Type != ReturnRoutability || r.Moves() || !r.Newest {
				t.Fatal(fmt.Errorf("%w, %w", err, err2))
			}
			return got
		}
		answer := exchange(sender, receiver, exchange(receiver, sender, m).Answer(true))
		event, err := p.Handle(at(100), answer.Append(nil))
		if err != nil {
			t.Fatal(err)
		}
		p.expect(event, PathKept, home)
		p.routes(at(100), home, home)
	}
}
