package config

const (
	maxRate = 1_000_000_000
	maxHeld = 1 << 24
)

// limitsTable is what the server takes on.
var limitsTable = Table{
	Name: "limits", Form: Single,
	Doc: "What the server takes on; it tells devices that are too many when to come again. 0 is no bound, where it is in the range. " +
		"A network is a /24 of IPv4 or a /48 of IPv6, an address an IPv4 address or a /64. The defaults let ten thousand devices " +
		"behind one address come back after a power cut in half a minute, and at once with tickets.",
	Keys: []Key{
		{Name: "half_open", Kind: Int, Default: 4096, Min: 1, Max: maxHeld,
			Doc: "Handshakes begun and not finished."},
		{Name: "half_open_per_network", Kind: Int, Default: 1024, Min: 0, Max: maxHeld,
			Doc: "The same of one network. Devices behind one address on a slow link need one for each handshake during a round trip."},
		{Name: "sessions", Kind: Int, Default: 1 << 20, Min: 1, Max: maxHeld, Doc: "Sessions."},
		{Name: "anonymous_sessions_per_network", Kind: Int, Default: 16384, Min: 0, Max: maxHeld,
			Doc: "Sessions of devices without a name in one network."},
		{Name: "handshakes_per_second", Kind: Int, Default: 4000, Min: 0, Max: maxRate,
			Doc: "Handshakes of addresses that have proven themselves; beyond that devices come again in 5 s."},
		{Name: "handshakes_unproven_per_second", Kind: Int, Default: 1000, Min: 0, Max: maxRate,
			Doc: "Handshakes of other addresses; beyond that they are asked to prove themselves, a round trip more."},
		{Name: "resumptions_per_second", Kind: Int, Default: 20000, Min: 0, Max: maxRate,
			Doc: "Resumptions whose ticket opens, wherever they come from."},
		{Name: "answers_per_second", Kind: Int, Default: 20000, Min: 0, Max: maxRate,
			Doc: "Answers outside of handshakes and sessions (proofs asked for, errors, the server's key): each address and network has its share of so many, and there is no bound in all."},
		{Name: "resets_per_second", Kind: Int, Default: 1000, Min: 0, Max: maxRate,
			Doc: "Notices to devices whose session is lost."},
		{Name: "address_share", Kind: Int, Default: 10, Min: 1, Max: 100, Unit: "percent",
			Doc: "The part of these rates that one address may have."},
		{Name: "network_share", Kind: Int, Default: 25, Min: 1, Max: 100, Unit: "percent",
			Doc: "The part of these rates that one network may have."},
		{Name: "burst_seconds", Kind: Int, Default: 4, Min: 1, Max: 60, Unit: "seconds",
			Doc: "For how many seconds' worth of a rate there is at once."},
		{Name: "sessions_per_device_per_minute", Kind: Int, Default: 30, Min: 0, Max: 60000,
			Doc: "Sessions that one device may open, twice as many at once."},
		{Name: "requests_per_device_per_second", Kind: Int, Default: 1000, Min: 0, Max: maxRate,
			Doc: "Requests that one device may send, four seconds' worth at once."},
	},
}
