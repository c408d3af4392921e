package metrics

import (
	"strconv"

	"github.com/pqcoap/pqcoap/coap"
	"github.com/pqcoap/pqcoap/handshake"
)

func handshakes() []family {
	return []family{
		counters("pqcoap_handshakes_confirmed_total",
			"Handshakes whose first record has come, so that both sides have the keys. The suite is its number, the mode how the device has shown who it is, the form full or resumed by a ticket.",
			[]string{"suite", "mode", "form"}, confirmed()...),
		spans("pqcoap_handshake_duration_seconds",
			"Time from a handshake message that has come whole to the first record of its session: work, and a round trip.",
			func(r *reading) *coap.Spans { return &r.Handshake }),
		counter("pqcoap_handshakes_answered_total",
			"Handshakes that led to keys and an answer. Those that are not confirmed within a minute expire.",
			func(r *reading) uint64 { return r.HalfOpened }),
		counter("pqcoap_handshakes_repeated_total",
			"Handshake messages that came again and got the same answer.",
			func(r *reading) uint64 { return r.Repeated }),
		counter("pqcoap_handshakes_expired_total",
			"Handshakes that were answered and never confirmed: the device is gone, or has not the key that it claims, or others needed its place.",
			func(r *reading) uint64 { return r.Expired }),
		counters("pqcoap_handshakes_refused_total",
			"Handshakes that the server could read and has refused under seal: the credential is not known or not accepted, the mode is not allowed, the device or its network opens too many sessions, a ticket may not be used or needs a fresh key.",
			[]string{"reason"},
			refused("credential", handshake.RefusedCredential), refused("mode", handshake.RefusedMode),
			refused("overload", handshake.RefusedOverload), refused("small_form", handshake.RefusedSmallForm),
			refused("ticket", handshake.RefusedTicket), refused("other", 0)),
		counters("pqcoap_handshakes_failed_total",
			"Handshake messages answered with an error outside of any session: malformed, not to be opened by any key of the server, too many for a limit, or an error of the server's own.",
			[]string{"reason"},
			of(func(r *reading) uint64 { return r.FailedBy.Malformed }, "malformed"),
			of(func(r *reading) uint64 { return r.FailedBy.Unopened }, "unopened"),
			of(func(r *reading) uint64 { return r.FailedBy.Busy }, "busy"),
			of(func(r *reading) uint64 { return r.FailedBy.Internal }, "internal")),
		limited(),
		counter("pqcoap_handshakes_junk_total",
			"Handshake messages of addresses that an Echo had proven which did not open; such an address counts as unproven for a while.",
			func(r *reading) uint64 { return r.Junk }),
		counter("pqcoap_tickets_unopened_total",
			"Resumptions whose ticket did not open: forged, or sealed by a key that is gone.",
			func(r *reading) uint64 { return r.BadTickets }),
		counter("pqcoap_echo_demanded_total",
			"Requests outside of sessions that were answered with an Echo, to be repeated with it.",
			func(r *reading) uint64 { return r.Lane.EchoDemanded }),
	}
}

// limited is what [limits] in server.toml has kept out.
func limited() family {
	return counters("pqcoap_limits_met_total",
		"Times that a limit was met: of handshakes from unproven and proven addresses, of resumptions, of sessions for one device, of half-open sessions for one device, of sessions without a name in one network, of places for sessions.",
		[]string{"limit"},
		of(func(r *reading) uint64 { return r.OverUnproven }, "unproven"),
		of(func(r *reading) uint64 { return r.OverProven }, "proven"),
		of(func(r *reading) uint64 { return r.OverResumed }, "resumed"),
		of(func(r *reading) uint64 { return r.OverDevice }, "device_sessions"),
		of(func(r *reading) uint64 { return r.DeviceHalfOpen }, "device_half_open"),
		of(func(r *reading) uint64 { return r.OverAnonymous }, "anonymous"),
		of(func(r *reading) uint64 { return r.NoRoom }, "room"))
}

// confirmed are the series of all suites, modes and forms, so that each begins at 0.
func confirmed() (all []series) {
	for _, suite := range handshake.Suites() {
		for _, mode := range []handshake.Mode{handshake.ModeNone, handshake.ModeKEM, handshake.ModePSK} {
			for form, name := range []string{"full", "resumed"} {
				get := func(r *reading) uint64 { return r.ConfirmedBy[suite][mode][form] }
				all = append(all, of(get, strconv.Itoa(int(suite)), mode.String(), name))
			}
		}
	}
	return all
}

func refused(reason string, code handshake.RefusalCode) series {
	return of(func(r *reading) uint64 { return r.RefusedBy[code] }, reason)
}
