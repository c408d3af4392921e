// Package node is the device side of pqcoap: a socket, a handshake, and CoAP requests inside
// records.
//
//	cfg, err := node.LoadConfig("sensor-1.toml")
//	conn, err := node.Dial(ctx, "", cfg)
//	defer conn.Close()
//	answer, err := conn.Get(ctx, "/time")
//
// A [Conn] is safe for concurrent use. A session that the server ends, or whose keys reach
// their limit, is followed by a new handshake when the next request is made.
package node
