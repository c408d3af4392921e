package metrics

import "github.com/pqcoap/pqcoap/coap"

func requests() []family {
	return []family{
		spans("pqcoap_request_duration_seconds",
			"Time from a request that has come whole to when its answer is with the socket: waiting for a handler, the handler, sealing.",
			func(r *reading) *coap.Spans { return &r.Requests.Latency }),
		counters("pqcoap_responses_total",
			"Answers of handlers by class.", []string{"class"},
			of(func(r *reading) uint64 { return r.Requests.Answers.Success }, "success"),
			of(func(r *reading) uint64 { return r.Requests.Answers.ClientError }, "client_error"),
			of(func(r *reading) uint64 { return r.Requests.Answers.ServerError }, "server_error")),
		counters("pqcoap_requests_refused_total",
			"Requests that no handler has seen: beyond the rate of their device (rate, answered 4.29), or when all handlers were at work (handlers, answered 5.03).",
			[]string{"reason"},
			of(func(r *reading) uint64 { return r.OverRequests }, "rate"),
			of(func(r *reading) uint64 { return r.Requests.Overloaded }, "handlers")),
		gauge("pqcoap_requests_waiting", "Requests whose handler has not begun.",
			func(r *reading) int { return r.Requests.Waiting }),
		gauge("pqcoap_handlers", "Handlers that have not returned.",
			func(r *reading) int { return r.Requests.Handlers }),
		gauge("pqcoap_handlers_working", "Handlers that have not returned and do not wait for a device.",
			func(r *reading) int { return r.Requests.Working }),
		gauge("pqcoap_handlers_limit", "Handlers that may be at work at once.",
			func(r *reading) int { return r.now.MaxHandlers }),
		queued(),
		gauge("pqcoap_queue_waiting", "Requests that wait for a device, or for its answer.",
			func(r *reading) int { return r.Queue.Waiting }),
		gauge("pqcoap_queue_bytes", "Bytes that requests take which wait for a device.",
			func(r *reading) int { return r.Queue.Bytes }),
	}
}

// queued is what came of the requests for devices that sleep.
func queued() family {
	return counters("pqcoap_queue_requests_total",
		"Requests queued for devices that may be asleep, and what came of them: full are those that were not taken since too many wait, repeated those sent once more for want of an answer.",
		[]string{"result"},
		of(func(r *reading) uint64 { return r.Queue.Queued }, "queued"),
		of(func(r *reading) uint64 { return r.Queue.Full }, "full"),
		of(func(r *reading) uint64 { return r.Queue.Answered }, "answered"),
		of(func(r *reading) uint64 { return r.Queue.Repeated }, "repeated"),
		of(func(r *reading) uint64 { return r.Queue.Expired }, "expired"),
		of(func(r *reading) uint64 { return r.Queue.Replaced }, "replaced"),
		of(func(r *reading) uint64 { return r.Queue.Cancelled }, "cancelled"),
		of(func(r *reading) uint64 { return r.Queue.Failed }, "failed"))
}
