package metrics

import (
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/pqcoap/pqcoap/coap"
	"github.com/pqcoap/pqcoap/server"
)

// A reading is a server at one moment.
type reading struct {
	server.Stats
	now server.Status
}

// A family is the metrics of one name.
type family struct {
	name, help string
	kind       prometheus.ValueType
	labels     []string
	series     []series
	spans      func(*reading) *coap.Spans // of a histogram, which has no series
}

// A series is one metric. get is false where the server has no such thing.
type series struct {
	labels []string
	get    func(*reading) (float64, bool)
}

// families are all, by subject.
func families() []family {
	return slices.Concat(handshakes(), records(), traffic(), requests(), work(), state())
}

func counter(name, help string, get func(*reading) uint64) family {
	return family{name: name, help: help, kind: prometheus.CounterValue, series: []series{of(get)}}
}

func gauge(name, help string, get func(*reading) int) family {
	return family{name: name, help: help, kind: prometheus.GaugeValue, series: []series{of(get)}}
}

func spans(name, help string, get func(*reading) *coap.Spans) family {
	return family{name: name, help: help, spans: get}
}

// counters and gauges are those of one name, told from each other by labels.
func counters(name, help string, labels []string, all ...series) family {
	return family{name: name, help: help, kind: prometheus.CounterValue, labels: labels, series: all}
}

func gauges(name, help string, labels []string, all ...series) family {
	return family{name: name, help: help, kind: prometheus.GaugeValue, labels: labels, series: all}
}

// of is a number that is always there.
func of[T int | uint64](get func(*reading) T, labels ...string) series {
	return series{labels, func(r *reading) (float64, bool) { return float64(get(r)), true }}
}

// flag is 1 or 0.
func flag(name, help string, get func(*reading) bool) family {
	return gauge(name, help, func(r *reading) int {
		if get(r) {
			return 1
		}
		return 0
	})
}

// moment is a time, in seconds since 1970; there is none where it is zero.
func moment(name, help string, get func(*reading) time.Time) family {
	return gauges(name, help, nil, series{nil, func(r *reading) (float64, bool) {
		at := get(r)
		return float64(at.Unix()), !at.IsZero()
	}})
}
