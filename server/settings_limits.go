package server

// LimitSettings is the table [limits] of server.toml: what the server takes on. 0 is no bound. Each
// field is a row of config.Server.
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

func (l *LimitSettings) admission() Admission {
	return Admission{
		Unproven: l.HandshakesUnprovenPerSecond, Proven: l.HandshakesPerSecond, Resumed: l.ResumptionsPerSecond,
		Answers: l.AnswersPerSecond, Resets: l.ResetsPerSecond,
		AddressShare: l.AddressShare, NetworkShare: l.NetworkShare, Burst: l.BurstSeconds,
		DeviceSessions: l.SessionsPerDevicePerMinute, DeviceRequests: l.RequestsPerDevicePerSecond,
		HalfOpenNetwork: l.HalfOpenPerNetwork, AnonymousNetwork: l.AnonymousSessionsPerNetwork,
	}
}
