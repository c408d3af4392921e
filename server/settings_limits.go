package server

// LimitSettings is the table [limits] of server.toml: what the server takes on. 0 is no bound.
type LimitSettings struct {
	// Handshakes begun and not finished, in all and of one network.
	HalfOpen           int `toml:"half_open"`
	HalfOpenPerNetwork int `toml:"half_open_per_network"`
	// Sessions in all, and of devices without a name in one network.
	Sessions                    int `toml:"sessions"`
	AnonymousSessionsPerNetwork int `toml:"anonymous_sessions_per_network"`
	// Handshakes of addresses that an Echo has proven; beyond it devices come again in 5 s.
	HandshakesPerSecond int `toml:"handshakes_per_second"`
	// Handshakes of other addresses; beyond it they are asked for an Echo, a round trip.
	HandshakesUnprovenPerSecond int `toml:"handshakes_unproven_per_second"`
	// Resumptions whose ticket opens, wherever they come from.
	ResumptionsPerSecond int `toml:"resumptions_per_second"`
	// Answers without a session or a handshake (Echo, errors, the server's key), of which each
	// address and network has its share.
	AnswersPerSecond int `toml:"answers_per_second"`
	// Notices to devices whose session is lost.
	ResetsPerSecond int `toml:"resets_per_second"`
	// The parts of these rates, in percent, that one address and one network may have.
	AddressShare int `toml:"address_share"`
	NetworkShare int `toml:"network_share"`
	// For how many seconds' worth of a rate there is at once.
	BurstSeconds int `toml:"burst_seconds"`
	// Sessions that one device may open, and requests that it may send.
	SessionsPerDevicePerMinute int `toml:"sessions_per_device_per_minute"`
	RequestsPerDevicePerSecond int `toml:"requests_per_device_per_second"`
}

func defaultLimits() LimitSettings {
	d := DefaultAdmission
	return LimitSettings{
		HalfOpen: 4096, HalfOpenPerNetwork: d.HalfOpenNetwork,
		Sessions: 1 << 20, AnonymousSessionsPerNetwork: d.AnonymousNetwork,
		HandshakesPerSecond: d.Proven, HandshakesUnprovenPerSecond: d.Unproven, ResumptionsPerSecond: d.Resumed,
		AnswersPerSecond: d.Answers, ResetsPerSecond: d.Resets,
		AddressShare: d.AddressShare, NetworkShare: d.NetworkShare, BurstSeconds: d.Burst,
		SessionsPerDevicePerMinute: d.DeviceSessions, RequestsPerDevicePerSecond: d.DeviceRequests,
	}
}

func (l *LimitSettings) admission() Admission {
	return Admission{
		Unproven: l.HandshakesUnprovenPerSecond, Proven: l.HandshakesPerSecond, Resumed: l.ResumptionsPerSecond,
		Answers: l.AnswersPerSecond, Resets: l.ResetsPerSecond,
		AddressShare: l.AddressShare, NetworkShare: l.NetworkShare, Burst: l.BurstSeconds,
		DeviceSessions: l.SessionsPerDevicePerMinute, DeviceRequests: l.RequestsPerDevicePerSecond,
		HalfOpenNetwork: l.HalfOpenPerNetwork, AnonymousNetwork: l.AnonymousSessionsPerNetwork,
	}
}

const (
	maxRate = 1_000_000_000
	maxHeld = 1 << 24
)

func (l *LimitSettings) ranges() []settingRange {
	return []settingRange{
		{"limits.half_open", l.HalfOpen, 1, maxHeld},
		{"limits.half_open_per_network", l.HalfOpenPerNetwork, 0, maxHeld},
		{"limits.sessions", l.Sessions, 1, maxHeld},
		{"limits.anonymous_sessions_per_network", l.AnonymousSessionsPerNetwork, 0, maxHeld},
		{"limits.handshakes_per_second", l.HandshakesPerSecond, 0, maxRate},
		{"limits.handshakes_unproven_per_second", l.HandshakesUnprovenPerSecond, 0, maxRate},
		{"limits.resumptions_per_second", l.ResumptionsPerSecond, 0, maxRate},
		{"limits.answers_per_second", l.AnswersPerSecond, 0, maxRate},
		{"limits.resets_per_second", l.ResetsPerSecond, 0, maxRate},
		{"limits.address_share", l.AddressShare, 1, 100},
		{"limits.network_share", l.NetworkShare, 1, 100},
		{"limits.burst_seconds", l.BurstSeconds, 1, 60},
		{"limits.sessions_per_device_per_minute", l.SessionsPerDevicePerMinute, 0, 60_000},
		{"limits.requests_per_device_per_second", l.RequestsPerDevicePerSecond, 0, maxRate},
	}
}

// defaultLimitsText is the part of the file that InitDir writes.
const defaultLimitsText = `
# What the server takes on; it tells devices that are too many when to come again. 0 is no bound,
# where not said otherwise. A network is a /24 of IPv4 or a /48 of IPv6, an address an IPv4 address
# or a /64. The defaults let ten thousand devices behind one address come back after a power cut in
# half a minute, and at once with tickets.
# [limits]
# Handshakes begun and not finished (at least 1), and of one network. Devices behind one address on
# a slow link need one for each handshake during a round trip.
# half_open = 4096
# half_open_per_network = 1024
#
# Sessions (at least 1), and of devices without a name in one network.
# sessions = 1048576
# anonymous_sessions_per_network = 16384
#
# Handshakes of addresses that have proven themselves; beyond that devices come again in 5 s.
# handshakes_per_second = 4000
#
# Handshakes of other addresses; beyond that they are asked to prove themselves, a round trip more.
# handshakes_unproven_per_second = 1000
#
# Resumptions whose ticket opens, wherever they come from.
# resumptions_per_second = 20000
#
# Answers outside of handshakes and sessions (proofs asked for, errors, the server's key): each
# address and network has its share of so many, and there is no bound in all.
# answers_per_second = 20000
#
# Notices to devices whose session is lost.
# resets_per_second = 1000
#
# The parts of these rates that one address and one network may have, in percent (1 to 100), and
# how many seconds' worth of them may come at once (1 to 60).
# address_share = 10
# network_share = 25
# burst_seconds = 4
#
# Sessions that one device may open, twice as many at once, and requests that it may send, four
# seconds' worth at once.
# sessions_per_device_per_minute = 30
# requests_per_device_per_second = 1000
`
