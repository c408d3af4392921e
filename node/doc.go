// Package node is the device side of pqcoap: a socket, a handshake, and CoAP requests inside
// records.
//
//	cfg, err := node.LoadConfig("sensor-1.toml")
//	conn, err := node.Dial(ctx, "", cfg)
//	defer conn.Close()
//	answer, err := conn.Get(ctx, "/time")
//
// A [Conn] is safe for concurrent use. A session that has ended, by what end, is followed by
// another when the next request is made. It begins with the ticket that the server has given, in
// one round trip and a few hundred bytes, or with a handshake.
//
// A device that sleeps ends its program with [Conn.Sleep] and has [Config].State name a file. The
// next [Dial] goes on with the session, at the cost of nothing:
//
//	conn, err := node.Dial(ctx, "", cfg)
//	answer, err := conn.Post(ctx, "/telemetry", message.AppSenmlCbor, reading)
//	err = conn.Sleep(ctx)
//
// A new device has an invitation of the server's operator. [EnrollFile] makes its key and its file:
//
//	invitation, err := node.ParseInvitation("coap+pq://...")
//	cfg, err := node.EnrollFile(ctx, "sensor-1.toml", node.Enrolment{Invitation: invitation})
package node
