package metrics

import (
	"github.com/pqcoap/pqcoap/coap"
	"github.com/pqcoap/pqcoap/internal/session"
)

func records() []family {
	return []family{
		counters("pqcoap_records_received_total",
			"Records by what came of them: opened; replayed, or too old to tell; rejected, since they did not open; for no session that there is (unknown_id).",
			[]string{"result"},
			of(func(r *reading) uint64 { return r.Opened }, "opened"),
			of(func(r *reading) uint64 { return r.Replayed }, "replayed"),
			of(func(r *reading) uint64 { return r.Rejected }, "rejected"),
			of(func(r *reading) uint64 { return r.UnknownID }, "unknown_id")),
		counters("pqcoap_resets_total",
			"Devices told that their session is gone, and those not told since there were too many.",
			[]string{"result"},
			of(func(r *reading) uint64 { return r.Resets }, "sent"),
			of(func(r *reading) uint64 { return r.ResetsWithheld }, "withheld")),
		counter("pqcoap_key_updates_total",
			"Epochs that sessions have begun, in either direction.",
			func(r *reading) uint64 { return r.Updates }),
	}
}

func traffic() []family {
	return []family{
		counters("pqcoap_datagrams_total",
			"Datagrams by lane: plain CoAP, which carries handshakes, and records.",
			[]string{"lane", "direction"},
			of(func(r *reading) uint64 { return r.Plain.DatagramsIn }, "plain", "in"),
			of(func(r *reading) uint64 { return r.Plain.DatagramsOut }, "plain", "out"),
			of(func(r *reading) uint64 { return r.Records.DatagramsIn }, "records", "in"),
			of(func(r *reading) uint64 { return r.Records.DatagramsOut }, "records", "out")),
		counters("pqcoap_datagrams_dropped_total",
			"Datagrams lost at this machine: neither CoAP nor a record (unknown), longer than any of ours (truncated), refused by the system (unsent), without room in the socket to be sent (no_room).",
			[]string{"reason"},
			of(func(r *reading) uint64 { return r.Dropped }, "unknown"),
			of(func(r *reading) uint64 { return r.Sockets.Truncated }, "truncated"),
			of(func(r *reading) uint64 { return r.Sockets.Unsent }, "unsent"),
			of(func(r *reading) uint64 { return r.Sockets.Dropped }, "no_room")),
		counter("pqcoap_datagrams_elsewhere_total",
			"Datagrams that came to another shard than that of their session, which costs a lock.",
			func(r *reading) uint64 { return r.Elsewhere }),
		counters("pqcoap_bytes_total",
			"Bytes of UDP payload: on the plain lane; in sessions those that plain CoAP would have sent too (content), and the rest (overhead: headers, tags, path checks, key updates, and all of what did not open).",
			[]string{"part", "direction"},
			of(func(r *reading) uint64 { return r.Plain.BytesIn }, "plain", "in"),
			of(func(r *reading) uint64 { return r.Plain.BytesOut }, "plain", "out"),
			of(func(r *reading) uint64 { return r.Records.ContentIn }, "content", "in"),
			of(func(r *reading) uint64 { return r.Records.ContentOut }, "content", "out"),
			of(func(r *reading) uint64 { return overheadIn(&r.Records) }, "overhead", "in"),
			of(func(r *reading) uint64 { return overheadOut(&r.Records) }, "overhead", "out")),
		counter("pqcoap_messages_sent_total",
			"Confirmable messages sent in sessions, each copy; pings are not counted.",
			func(r *reading) uint64 { return r.CoAP.Sent }),
		counter("pqcoap_messages_resent_total",
			"Confirmable messages sent in sessions that had been sent before: they, or their answers, seemed lost.",
			func(r *reading) uint64 { return r.CoAP.Resent }),
		spans("pqcoap_round_trip_seconds",
			"Round-trip times, measured by the confirmable messages of the server that were answered.",
			func(r *reading) *coap.Spans { return &r.CoAP.RTT }),
		lane(),
		counters("pqcoap_lane_forgotten_total",
			"Unfinished exchanges on the plain lane that were forgotten: expired, or to make room.",
			[]string{"reason"},
			of(func(r *reading) uint64 { return r.Lane.Expired }, "expired"),
			of(func(r *reading) uint64 { return r.Lane.Evicted }, "evicted")),
		gauge("pqcoap_lane_entries", "Unfinished exchanges on the plain lane.",
			func(r *reading) int { return r.Lane.Entries }),
		gauge("pqcoap_lane_bytes", "Bytes of bodies and answers that unfinished exchanges on the plain lane hold.",
			func(r *reading) int { return r.Lane.Bytes }),
	}
}

// lane is what came outside of sessions.
func lane() family {
	return counters("pqcoap_lane_messages_total",
		"Messages on the plain lane: malformed (not CoAP), ignored, refused with an error or an Echo, transfers that were complete, answers; unsent and withheld are answers that would have been larger or more than allowed.",
		[]string{"result"},
		of(func(r *reading) uint64 { return r.Lane.Malformed }, "malformed"),
		of(func(r *reading) uint64 { return r.Lane.Ignored }, "ignored"),
		of(func(r *reading) uint64 { return r.Lane.Refused }, "refused"),
		of(func(r *reading) uint64 { return r.Lane.Transfers }, "transfer"),
		of(func(r *reading) uint64 { return r.Lane.Answered }, "answered"),
		of(func(r *reading) uint64 { return r.Lane.Unsent }, "unsent"),
		of(func(r *reading) uint64 { return r.Lane.Withheld }, "withheld"))
}

func overheadIn(t *session.Traffic) uint64  { return t.BytesIn - t.ContentIn }
func overheadOut(t *session.Traffic) uint64 { return t.BytesOut - t.ContentOut }
