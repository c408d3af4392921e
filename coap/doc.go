// Package coap is CoAP (RFC 7252) for one peer, without input or output: no sockets, no
// goroutines, no clock. Datagrams and the time come in as arguments, datagrams to send
// are appended to a [Batch], and Deadline says when Advance has to be called at the
// latest.
//
// A [Conn] is all CoAP state toward one peer, in both roles, with its own block-wise
// transfers (RFC 7959) and loss recovery:
//
//	c := coap.NewConn(coap.Config{Rand: rand.Reader})
//	id, err := c.Request(now, m, coap.RequestOptions{}, &out)
//	c.Receive(now, datagram, &out)
//	for e, ok := c.Next(); ok; e, ok = c.Next() {
//		...
//	}
//
// A [Lane] is what a server speaks with strangers: it takes the body of one POST, in
// blocks that come in any order, and hands it out as a [Transfer]. Its memory, and the
// bytes it sends to an address that has not been proven, are bounded.
//
// [Parse] and [Append] are go-coap's codec behind checks that it does not make. [EchoKeys]
// makes and checks the Echo values of RFC 9175.
//
// Nothing here is safe for concurrent use.
package coap
