package simnet

import (
	"net/netip"
	"testing"
	"time"
)

var otherPort = netip.AddrPortFrom(deviceAddr.Addr(), 40009)

func TestFilterVerdicts(t *testing.T) {
	tests := map[string]struct {
		verdict Verdict
		want    []receipt
	}{
		"pass":    {Verdict{}, []receipt{{0, "m1", deviceAddr, time.Second}}},
		"drop":    {Verdict{Drop: true}, nil},
		"hold":    {Verdict{Hold: time.Minute}, []receipt{{0, "m1", deviceAddr, time.Minute + time.Second}}},
		"copies":  {Verdict{Copies: 1}, []receipt{{0, "m1", deviceAddr, time.Second}, {0, "m1", deviceAddr, time.Second}}},
		"payload": {Verdict{Payload: []byte("mX")}, []receipt{{0, "mX", deviceAddr, time.Second}}},
		"empty":   {Verdict{Payload: []byte{}}, []receipt{{0, "", deviceAddr, time.Second}}},
		"from":    {Verdict{From: otherPort}, []receipt{{0, "m1", otherPort, time.Second}}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			on(t, Link{Delay: time.Second}, func(t *testing.T, b bench) {
				b.Filter(func(Datagram) Verdict { return test.verdict })
				b.device.WriteToUDPAddrPort([]byte("m1"), serverAddr)
				got := receive(t, b.server)
				if len(got) != len(test.want) {
					t.Fatalf("received %v, want %v", got, test.want)
				}
				for i := range got {
					if got[i] != test.want[i] {
						t.Errorf("datagram %d = %v, want %v", i, got[i], test.want[i])
					}
				}
			})
		})
	}
}

func TestFilterSeesDatagram(t *testing.T) {
	on(t, Link{}, func(t *testing.T, b bench) {
		var seen []Datagram
		b.Filter(func(d Datagram) Verdict {
			seen = append(seen, d)
			for i := range d.Payload { // its own copy
				d.Payload[i] = 'x'
			}
			return Verdict{}
		})
		time.Sleep(time.Second)
		written := []byte("one")
		b.device.WriteToUDPAddrPort(written, serverAddr)
		b.device.WriteToUDPAddrPort([]byte("two"), serverAddr)
		b.server.WriteToUDPAddrPort([]byte("back"), deviceAddr)
		if len(seen) != 3 {
			t.Fatalf("saw %d datagrams, want 3", len(seen))
		}
		for i, want := range []Datagram{
			{From: deviceAddr, To: serverAddr, Index: 0},
			{From: deviceAddr, To: serverAddr, Index: 1},
			{From: serverAddr, To: deviceAddr, Index: 0},
		} {
			d := seen[i]
			if d.From != want.From || d.To != want.To || d.Index != want.Index || d.At != time.Second {
				t.Errorf("datagram %d = %+v, want %+v", i, d, want)
			}
		}
		if got := receive(t, b.server); string(written) != "one" || got[0].payload != "one" {
			t.Errorf("wrote %q, received %q: the filter's copy was not its own", written, got[0].payload)
		}
	})
}

// A filter may use the network: here it sends a repeat from another port.
func TestFilterMayInject(t *testing.T) {
	on(t, Link{}, func(t *testing.T, b bench) {
		b.Filter(func(d Datagram) Verdict {
			b.Inject(otherPort, d.To, d.Payload)
			b.SetLink(d.From.Addr(), d.To.Addr(), Link{Delay: time.Second})
			return Verdict{}
		})
		b.device.WriteToUDPAddrPort([]byte("m1"), serverAddr)
		got := receive(t, b.server)
		if len(got) != 2 || got[0].from != otherPort || got[1].from != deviceAddr || got[1].at != time.Second {
			t.Errorf("received %v, want the repeat first", got)
		}
		b.Filter(nil)
		b.device.WriteToUDPAddrPort([]byte("m1"), serverAddr)
		if got := receive(t, b.server); len(got) != 1 {
			t.Errorf("received %v without a filter, want one", got)
		}
	})
}

func TestFilteredIsCounted(t *testing.T) {
	on(t, Link{}, func(t *testing.T, b bench) {
		b.Filter(func(d Datagram) Verdict { return Verdict{Drop: d.Index == 1} })
		b.send(t, 3, 10)
		if got := receive(t, b.server); len(got) != 2 || got[1].number != 2 {
			t.Errorf("received %v, want the first and the third", got)
		}
		want := Counters{Datagrams: 3, Bytes: 30, Delivered: 2, Filtered: 1}
		if got := b.Counters(deviceAddr.Addr(), serverAddr.Addr()); got != want {
			t.Errorf("counters = %+v, want %+v", got, want)
		}
	})
}
