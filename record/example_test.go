package record_test

import (
	"bytes"
	"fmt"

	"github.com/pqcoap/pqcoap/record"
)

// The two ends of a session, whose secrets come from a handshake. The server
// has given itself a connection ID; the device needs none.
func Example() {
	c, s := bytes.Repeat([]byte{1}, 48), bytes.Repeat([]byte{2}, 48)
	id, _ := record.NewConnectionID([]byte{0x07})
	device, _ := record.NewConn(record.Config{Suite: record.AES256GCMSHA384, SendSecret: c, ReceiveSecret: s, SendID: id})
	server, _ := record.NewConn(record.Config{Suite: record.AES256GCMSHA384, SendSecret: s, ReceiveSecret: c, ReceiveID: id})

	// Two records in one datagram: all but the last say their length.
	datagram, _ := device.Seal(nil, record.ApplicationData, []byte("one"), false)
	datagram, _ = device.Seal(datagram, record.ApplicationData, []byte("two"), true)

	found, _ := record.PeekConnectionID(datagram)
	fmt.Println("for session", found)
	for rest := datagram; len(rest) > 0; {
		var r record.Record
		var err error
		if r, rest, err = server.Open(rest); err != nil {
			continue // dropped, whatever the reason
		}
		fmt.Printf("%v %d: %s\n", r.Type, r.Sequence, r.Content)
	}
	// Output:
	// for session 07
	// application_data 0: one
	// application_data 1: two
}
