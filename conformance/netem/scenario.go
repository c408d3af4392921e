package netem

import (
	"fmt"
	"time"
)

// A Scenario is one way to impair the loopback, and what a device does there.
type Scenario struct {
	Name       string // of its files and its device
	Netem      string // arguments of tc's netem
	Handshakes int    // each as a device that remembers nothing
	Readings   int    // posted over one more session

	// What has to be seen of it. The kernel counts loss and reordering.
	Drops, Reorders bool
	Fastest         time.Duration // a handshake cannot be faster
	Most            int           // bytes of a handshake each way, on average: more is a storm
}

const (
	jitter = "delay 40ms 15ms reorder 25%"
	bursts = "loss gemodel 3% 30%" // 9 % lost, 3.3 datagrams at a time
	narrow = "rate 20kbit limit 10"
)

// A handshake of suite 1 with a device's KEM key has at least its keys and ciphertexts: pk_e
// and ct_S one way, ct_e and ct_C the other (docs/protocol.md section 4).
const (
	leastOut = 1216 + 1120
	leastIn  = 1120 + 1120
)

const (
	datagram = 1232           // largest UDP payload
	calm     = 6 * leastOut   // where datagrams are lost, late or doubled
	probing  = 150 * datagram // toward a server that never answered (docs/protocol.md section 9)
)

// Scenarios are all of them. Netem has one model of loss at a time.
var Scenarios = []Scenario{
	{Name: "none", Handshakes: 20, Readings: 10, Most: calm},
	{Name: "loss", Netem: "loss 10%", Handshakes: 30, Readings: 10, Drops: true, Most: calm},
	{Name: "bursts", Netem: bursts, Handshakes: 30, Readings: 10, Drops: true, Most: calm},
	{Name: "jitter", Netem: jitter, Handshakes: 20, Readings: 10, Reorders: true, Most: calm},
	{Name: "duplication", Netem: "duplicate 5%", Handshakes: 30, Readings: 10, Most: calm},
	{Name: "corruption", Netem: "corrupt 1%", Handshakes: 30, Readings: 10, Most: calm},
	{Name: "rate", Netem: narrow, Handshakes: 2, Readings: 5, Most: probing,
		Fastest: (leastOut + leastIn) * 8 * time.Second / 20_000},
	{Name: "all", Netem: jitter + " loss 10% duplicate 5% corrupt 1% " + narrow,
		Handshakes: 2, Readings: 5, Drops: true, Reorders: true, Most: probing},
}

// Append writes the scenario as run.sh reads it.
func (s *Scenario) Append(b []byte) []byte {
	return fmt.Appendf(b, "%s|%d|%d|%s\n", s.Name, s.Handshakes, s.Readings, s.Netem)
}
