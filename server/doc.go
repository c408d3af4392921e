// Package server is the server side of pqcoap: one UDP port, any number of devices, and a
// [coap.Handler] that sees their requests with the authenticated name of each.
//
//	dir, err := server.OpenDir("/var/lib/pqcoap")
//	srv, err := server.New(dir.Config(coap.HandlerFunc(hello)))
//	err = srv.ListenAndServe(ctx, ":5688")
//
// The protocol is in internal/session, without I/O; this package gives it a socket, a clock,
// workers for public-key operations, and goroutines for handlers.
package server
