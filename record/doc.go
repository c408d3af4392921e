// Package record protects application data with the record layer of DTLS 1.3
// (RFC 9147 section 4): unified header, encrypted sequence numbers, AES-GCM,
// replay window, epochs from 3 up.
//
// Start with [NewConn], which takes the two traffic secrets of a handshake:
//
//	conn, err := record.NewConn(record.Config{
//		Suite:      record.AES256GCMSHA384,
//		SendSecret: clientSecret, ReceiveSecret: serverSecret,
//		SendID: serverID, // none on receive: a device is found by its address
//	})
//	datagram, err = conn.Seal(datagram[:0], record.ApplicationData, message, true)
//	r, rest, err := conn.Open(received)
//
// A [Control] carries the messages after the handshake over a Conn (key updates,
// tickets, acknowledgements), a [Path] follows the peer from one address to
// another (RFC 9853), and Control.Export and [Restore] let a session sleep:
//
//	control := record.NewControl(conn, record.ControlConfig{MaxAge: 24 * time.Hour}, now)
//	event, err := control.Handle(now, r)                    // every record that opened
//	datagram, err = control.Append(now, datagram[:0], true) // where control.Pending(now)
//	control.Advance(now)                                    // at control.Deadline()
//
// The package does no I/O, reads no clock, starts no goroutine and logs
// nothing. A [Conn] is not safe for concurrent use. Seal and Open work in
// place and allocate nothing.
//
// A record that does not authenticate changes nothing but the count of failed
// attempts that RFC 9147 section 4.5.3 requires.
package record
