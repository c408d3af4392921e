// Package admin is the listener for those who operate a server: metrics for Prometheus, whether it
// is well, and profiles of the program.
//
//	a, err := admin.Listen(admin.Config{Settings: folder.Settings.Admin, Server: srv})
//	go a.Serve()
//	defer a.Close()
//
//	GET /metrics       see package metrics
//	GET /healthz       200 while the server has its socket open
//	GET /readyz        200 while it takes devices, and can keep what they send
//	GET /debug/pprof/  where Settings.Pprof says so
//
// It says how much a server does, and not for whom. Whoever reaches it can read that, so it is for
// loopback, or for a network of the operator's own.
package admin
