package metrics

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/pqcoap/pqcoap/coap"
	"github.com/pqcoap/pqcoap/server"
)

// A Source is what is measured: a *server.Server.
type Source interface {
	Stats() server.Stats
	Status() server.Status
}

// New makes a registry of a server's metrics, and of those of its process and of the Go runtime.
func New(s Source) *prometheus.Registry {
	r := prometheus.NewRegistry()
	r.MustRegister(
		NewCollector(s),
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		collectors.NewBuildInfoCollector(),
	)
	return r
}

// A Collector reads a server when it is collected.
type Collector struct {
	source   Source
	families []described
}

// A described is a family and what Prometheus calls it.
type described struct {
	family
	desc *prometheus.Desc
}

// NewCollector makes a Collector, for a registry of the program's own.
func NewCollector(s Source) *Collector {
	c := &Collector{source: s}
	for _, f := range families() {
		c.families = append(c.families, described{f, prometheus.NewDesc(f.name, f.help, f.labels, nil)})
	}
	return c
}

// Describe implements prometheus.Collector.
func (c *Collector) Describe(out chan<- *prometheus.Desc) {
	for _, f := range c.families {
		out <- f.desc
	}
}

// Collect implements prometheus.Collector.
func (c *Collector) Collect(out chan<- prometheus.Metric) {
	r := reading{c.source.Stats(), c.source.Status()}
	for _, f := range c.families {
		if f.spans != nil {
			out <- histogram(f.desc, f.spans(&r))
			continue
		}
		for _, s := range f.series {
			if v, ok := s.get(&r); ok {
				out <- prometheus.MustNewConstMetric(f.desc, f.kind, v, s.labels...)
			}
		}
	}
}

// histogram is that of Prometheus: its counts are those of all durations up to a bound.
func histogram(desc *prometheus.Desc, s *coap.Spans) prometheus.Metric {
	buckets, sum := make(map[float64]uint64, len(coap.SpanBounds)), uint64(0)
	for i, bound := range coap.SpanBounds {
		sum += s.Counts[i]
		buckets[bound.Seconds()] = sum
	}
	sum += s.Counts[len(coap.SpanBounds)]
	return prometheus.MustNewConstHistogram(desc, sum, s.Sum.Seconds(), buckets)
}
