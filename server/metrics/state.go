package metrics

import "time"

func work() []family {
	return []family{
		gauge("pqcoap_workers", "Workers for the public-key operations of handshakes.",
			func(r *reading) int { return r.now.Workers }),
		gauge("pqcoap_workers_busy", "Workers for public-key operations that have something to do.",
			func(r *reading) int { return r.Work.Busy }),
		gauge("pqcoap_work_waiting", "Handshakes that wait for a worker.",
			func(r *reading) int { return r.Work.Waiting }),
		counter("pqcoap_work_turned_away_total",
			"Handshakes for which no worker had time: their network had most of a queue that was full.",
			func(r *reading) uint64 { return r.Work.TurnedAway }),
	}
}

func state() []family {
	return []family{
		gauges("pqcoap_sessions", "Sessions by state: confirmed and awake, confirmed and at rest, and half-open ones whose first record is waited for.",
			[]string{"state"},
			of(func(r *reading) int { return r.Awake }, "awake"),
			of(func(r *reading) int { return r.Resting }, "resting"),
			of(func(r *reading) int { return r.HalfOpen }, "half_open")),
		counters("pqcoap_sessions_moved_total",
			"Sessions that went to rest, those of them that had to since too many were awake (evicted, counted as rested too), and those that woke.",
			[]string{"to"},
			of(func(r *reading) uint64 { return r.Rested }, "rest"),
			of(func(r *reading) uint64 { return r.Evicted }, "evicted"),
			of(func(r *reading) uint64 { return r.Woken }, "awake")),
		gauges("pqcoap_sessions_limit", "Sessions that there may be: in all, and of these half-open ones.",
			[]string{"state"},
			of(func(r *reading) int { return r.now.MaxSessions }, "all"),
			of(func(r *reading) int { return r.now.MaxHalfOpen }, "half_open")),
		flag("pqcoap_serving", "1 while the socket is open.",
			func(r *reading) bool { return r.now.Serving }),
		flag("pqcoap_draining", "1 while the server ends: no handshakes and handlers begin any more.",
			func(r *reading) bool { return r.now.Draining }),
		moment("pqcoap_ticket_key_timestamp_seconds",
			"When the newest key of tickets began to be used. There is none where sessions cannot be resumed.",
			func(r *reading) time.Time { return r.now.TicketKey }),
		gauges("pqcoap_devices_enrolled", "Devices in the registry of the server's folder, whatever their state.", nil,
			known(func(r *reading) int { return r.now.Devices })),
		gauges("pqcoap_invitations_open", "Invitations whose code nobody has used; those that have expired are counted until another is made.", nil,
			known(func(r *reading) int { return r.now.Invitations })),
	}
}

// known is a number that is not there where it is below zero.
func known(get func(*reading) int) series {
	return series{nil, func(r *reading) (float64, bool) { return float64(get(r)), get(r) >= 0 }}
}
