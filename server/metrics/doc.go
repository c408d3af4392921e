// Package metrics makes what a server counts readable for Prometheus.
//
//	registry := metrics.New(srv)
//	http.Handle("/metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
//
// All is read when it is asked for: the counts are plain fields that the server keeps anyway, and
// nothing of this package is on the way of a datagram. No label comes from the network, so that
// nobody can make there be more series: there are no names of devices, addresses or paths.
//
// docs/operate/metrics.md is the list, made from the tables of this package.
package metrics
