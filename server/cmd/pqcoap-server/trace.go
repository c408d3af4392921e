package main

import (
	"fmt"

	"github.com/plgd-dev/go-coap/v3/message"
	"github.com/plgd-dev/go-coap/v3/message/codes"

	"github.com/pqcoap/pqcoap/coap"
	"github.com/pqcoap/pqcoap/record"
)

// A part is what a datagram of the handshake carries.
type part uint8

const (
	other part = iota
	ofM1
	ofM2
)

// describe says what a datagram is, to who cannot open records.
func (c captured) describe() (string, part) {
	switch {
	case c.isRecord() && c.fromServer:
		return "record: the answer", other
	case c.isRecord():
		return "record: the request, confirms the session", other
	}
	m, err := coap.Parse(c.bytes)
	if err != nil {
		return "not CoAP", other
	}
	up, hasUp := blockOf(m, message.Block1)
	down, hasDown := blockOf(m, message.Block2)
	switch {
	case m.Code == codes.POST && hasUp:
		return fmt.Sprintf("POST /hs, block %d of m1", up.Number), ofM1
	case m.Code == codes.POST && hasDown:
		return fmt.Sprintf("POST /hs, asks for block %d of m2", down.Number), other
	case m.Code == codes.Continue && hasUp:
		return fmt.Sprintf("2.31, has block %d of m1", up.Number), other
	case m.Code == codes.Changed && hasDown:
		return fmt.Sprintf("2.04, block %d of m2", down.Number), ofM2
	case m.Code == codes.Empty && m.Type == message.Acknowledgement:
		return "ACK, the answer is to follow", other
	case m.Code == codes.Unauthorized:
		return "4.01, wants the address proven", other
	}
	return fmt.Sprintf("%d.%02d", m.Code>>5, m.Code&31), other
}

func blockOf(m coap.Message, id message.OptionID) (coap.Block, bool) {
	for _, o := range m.Options {
		if o.ID == id {
			b, err := coap.ParseBlock(o.Value)
			return b, err == nil
		}
	}
	return coap.Block{}, false
}

// Sizes of docs/protocol.md section 11.
const (
	tagSize         = 16
	contentTypeSize = 1

	headerID     = 1 << 4
	headerLong   = 1 << 3 // 16-bit number
	headerLength = 1 << 2
)

// overhead is what a record adds to the CoAP message in it; false if the datagram is not
// one record.
func (c captured) overhead() (int, bool) {
	if !c.isRecord() || c.bytes[0]&headerLength != 0 {
		return 0, false
	}
	n := 2 // first byte, short number
	if c.bytes[0]&headerLong != 0 {
		n++
	}
	if c.bytes[0]&headerID != 0 {
		id, ok := record.PeekConnectionID(c.bytes)
		if !ok {
			return 0, false
		}
		n += id.Len()
	}
	return n + contentTypeSize + tagSize, true
}
