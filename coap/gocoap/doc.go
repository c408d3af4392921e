// Package gocoap lets programs written for go-coap run over sessions of pqcoap, with the
// handlers and the client calls that they have. [Handler] serves a mux.Router:
//
//	r := mux.NewRouter()
//	r.Handle("/a", mux.HandlerFunc(handleA))
//	srv, err := server.New(dir.Config(gocoap.Handler(r)))
//
// and [Conn] makes a mux.Conn of a device's connection, or of any [coap.Peer]:
//
//	conn, err := node.Dial(ctx, "", cfg)
//	answer, err := gocoap.Conn(conn).Get(ctx, "/a")
//
// A handler learns who asks from its context: [Device] and [SessionID].
//
// What differs from go-coap, all of it because requests travel in records and blocks, types,
// message IDs and acknowledgements are the session's own affair:
//
//   - WriteMessage does not wait for an acknowledgement. A state that an observer has not
//     been sent is replaced by a newer one, and the Observe option is renumbered.
//   - A request whose handler returns without a response stays open for a WriteMessage with
//     its token, [MaxWait] long and [MaxOpen] of a session. Then it is answered 5.00; go-coap
//     leaves the client to its timeout.
//   - An observation by the mux.Conn of a device's connection outlives its sessions. Cancel does
//     not wait for the server.
//   - A handler is called with an Observe of 1, as go-coap calls it for an observer that leaves,
//     also for one that is gone without a word. The response is dropped: the session has answered.
//     When the session ends there is no such call, that is for AddOnClose.
//   - A response needs a code of class 2, 4 or 5. Anything else becomes 5.00.
//   - A handler that panics is answered 5.00, and the program goes on.
//   - NetConn has addresses and nothing to read: there is no stream.
//   - There is no multicast: a session has two ends.
package gocoap
