// Package session puts the leaves together: a handshake carried by CoAP, then CoAP inside
// records. It does no I/O and reads no clock: datagrams and the time come in, datagrams,
// events and the time of the next deadline come out.
//
// Start with [Device], one session at the side that opens it, and [Server], all sessions of
// one socket at the side that answers. Both are used the same way:
//
//	s.Receive(now, from, datagram, out) // or Advance(now, out) when Deadline has come
//	for ev, ok := s.Next(); ok; ev, ok = s.Next() { ... }
//	// send what is in out; arm a timer for s.Deadline()
//
// Neither is safe for concurrent use. The public-key operations of a server are handed out
// as [Work], to be run anywhere, and taken back with [Server.Done].
package session
