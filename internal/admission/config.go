package admission

import "time"

// A Config bounds what a server takes on. Where not said otherwise 0 is no bound.
type Config struct {
	// Handshakes a second whose address nothing has proven; beyond it, they are asked for an Echo.
	Unproven int
	// Handshakes a second of proven addresses; beyond it, they are told to come again.
	Proven int
	// Resumptions a second whose ticket opens. They do not count for the prefix they come from.
	Resumed int
	// Stateless resets a second.
	Resets int
	// Answers a second on the plain lane outside of a transfer (Echo, errors, GET /hs), of which
	// each prefix has its share. There is no bound in all: those who forge addresses must not cost
	// others the Echo that they need.
	Answers int

	AddressShare int // part of these for one address of IPv4 or /64 of IPv6, in percent
	NetworkShare int // for one /24 of IPv4 or /48 of IPv6, in percent
	Burst        int // seconds' worth of them that can come at once; at least 1

	DeviceSessions   int // that one device may open, a minute; two minutes' worth at once
	DeviceRequests   int // of one device, a second; four seconds' worth at once
	HalfOpenNetwork  int // half-open sessions of one network
	AnonymousNetwork int // sessions of devices without a name, of one network
}

// Default is for a server on one or two cores, with fleets of ten thousand devices behind one
// address: after a power cut these are back in half a minute without a ticket, and at once with
// one. See docs/decisions.md 26.
var Default = Config{
	Unproven: 1000, Proven: 4000, Resumed: 20000, Answers: 20000, Resets: 1000,
	AddressShare: 10, NetworkShare: 25, Burst: 4,
	DeviceSessions: 30, DeviceRequests: 1000, HalfOpenNetwork: 1024, AnonymousNetwork: 16384,
}

// Part is what one of so many shards takes on, between which the devices of each network are spread
// evenly. What is bounded for one device is the same in each.
func (c Config) Part(shards int) Config {
	for _, n := range []*int{&c.Unproven, &c.Proven, &c.Resumed, &c.Resets, &c.Answers, &c.HalfOpenNetwork} {
		*n = (*n + shards - 1) / shards
	}
	return c
}

// Rates are those of one kind of work, of which there is n a second.
func (c *Config) Rates(n int) Rates {
	return Rates{
		All: n, Network: part(n, c.NetworkShare), Address: part(n, c.AddressShare), Burst: max(1, c.Burst), Period: time.Second,
		Buckets: buckets,
	}
}

// Junk is how many m1 of a proven address may not open before its prefixes count as unproven.
// Nobody sends one who means well; a network has some to spare, for the sake of its others.
var Junk = Rates{Address: 1, Network: 16, Burst: 1, Period: time.Minute, Buckets: 1 << 16}

// part is at least one, of what has a bound.
func part(n, percent int) int {
	if n <= 0 || percent <= 0 {
		return 0
	}
	return max(1, n*percent/100)
}
