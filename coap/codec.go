package coap

import (
	"errors"
	"slices"

	"github.com/plgd-dev/go-coap/v3/message"
	"github.com/plgd-dev/go-coap/v3/message/codes"
	"github.com/plgd-dev/go-coap/v3/udp/coder"
)

// Message is a CoAP message, shared with go-coap so that its handlers and tools work
// on ours without a copy.
type Message = message.Message

var (
	// ErrFormat says that a datagram is not a CoAP message (RFC 7252 section 3), or
	// that a message cannot be put into one.
	ErrFormat = errors.New("coap: message format error")
	// ErrOption says that a critical option has a length or a repetition which its
	// definition does not allow, so that it counts as unrecognized (RFC 7252 sections
	// 5.4.3 and 5.4.5): a request with it is answered 4.02, anything else is rejected.
	ErrOption = errors.New("coap: critical option not allowed")
)

const (
	headerSize = 4
	version    = 1
	maxToken   = 8
	marker     = 0xff
	// maxOptions bounds what one datagram can make us allocate for options: an option
	// of one byte needs 32 bytes in memory.
	maxOptions = 128
)

// Parse reads one datagram. Token, option values and payload of the message alias it.
//
// With ErrOption the message holds type, code, message ID and token, all that is needed
// to answer it; with ErrFormat it holds nothing. Elective options that are not allowed
// where they stand are left out, as RFC 7252 section 5.4 demands.
func Parse(datagram []byte) (Message, error) {
	var m Message
	err := parse(datagram, &m)
	return m, err
}

// parse is Parse into a message whose option slice is used again.
func parse(datagram []byte, m *Message) error {
	options := m.Options[:0]
	*m = Message{Options: options}
	n, err := checkHeader(datagram)
	if err != nil {
		return err
	}
	shape, err := checkOptions(datagram[n:])
	if err != nil {
		return err
	}
	m.Options = slices.Grow(options, shape.count)
	if _, err := coder.DefaultCoder.Decode(datagram, m); err != nil {
		*m = Message{Options: options}
		return ErrFormat
	}
	if shape.rejected {
		m.Options, m.Payload = options, nil
		return ErrOption
	}
	if shape.surplus {
		m.Options = withoutSurplus(m.Options)
	}
	return nil
}

// checkHeader holds a datagram against RFC 7252 sections 3 and 4.2 to 4.4 and returns
// where its options begin.
func checkHeader(d []byte) (int, error) {
	if len(d) < headerSize || d[0]>>6 != version {
		return 0, ErrFormat
	}
	size := int(d[0] & 0x0f)
	if size > maxToken || len(d) < headerSize+size {
		return 0, ErrFormat
	}
	t, code := message.Type(d[0]>>4&3), codes.Code(d[1])
	if !allowed(t, code) || code == codes.Empty && len(d) != headerSize {
		return 0, ErrFormat
	}
	return headerSize + size, nil
}

// allowed is RFC 7252 table 1: which type may carry a request, a response or nothing.
// The classes 1 and 6 are reserved, and 7 is for reliable transports.
func allowed(t message.Type, code codes.Code) bool {
	switch {
	case code == codes.Empty:
		return t != message.NonConfirmable
	case isRequest(code):
		return t == message.Confirmable || t == message.NonConfirmable
	case isResponse(code):
		return t != message.Reset
	}
	return false
}

func isRequest(code codes.Code) bool { return code != codes.Empty && code>>5 == 0 }

func isResponse(code codes.Code) bool {
	class := code >> 5
	return class == 2 || class == 4 || class == 5
}

// optionShape is what a walk over the options of a message finds.
type optionShape struct {
	count    int
	rejected bool // a critical option is not allowed
	surplus  bool // an elective option is not allowed
}

// checkOptions walks over options and payload (RFC 7252 section 3.1). go-coap's decoder
// drops every option of illegal length without a word, and so makes another request of
// one with a long Block1.
func checkOptions(d []byte) (s optionShape, err error) {
	previous := 0
	for len(d) > 0 && d[0] != marker {
		delta, length := int(d[0]>>4), int(d[0]&0x0f)
		d = d[1:]
		if delta, d, err = extended(delta, d); err != nil {
			return s, err
		}
		if length, d, err = extended(length, d); err != nil {
			return s, err
		}
		id := previous + delta
		if id > 0xffff || length > len(d) || s.count == maxOptions {
			return s, ErrFormat
		}
		s.add(message.OptionID(id), d[:length], s.count > 0 && delta == 0)
		d, previous = d[length:], id
	}
	if len(d) == 1 { // a marker followed by no payload
		return s, ErrFormat
	}
	return s, nil
}

func (s *optionShape) add(id message.OptionID, value []byte, repeated bool) {
	s.count++
	if permitted(id, value, repeated) {
		return
	}
	if isCritical(id) {
		s.rejected = true
	} else {
		s.surplus = true
	}
}

// extended reads what follows a nibble of 13 or 14.
func extended(nibble int, d []byte) (int, []byte, error) {
	switch {
	case nibble < 13:
		return nibble, d, nil
	case nibble == 13 && len(d) >= 1:
		return int(d[0]) + 13, d[1:], nil
	case nibble == 14 && len(d) >= 2:
		return int(d[0])<<8 + int(d[1]) + 269, d[2:], nil
	}
	return 0, d, ErrFormat
}

// withoutSurplus removes the elective options that are not allowed where they stand.
func withoutSurplus(options message.Options) message.Options {
	previous := message.OptionID(0)
	return slices.DeleteFunc(options, func(o message.Option) bool {
		repeated := o.ID == previous
		previous = o.ID
		return !permitted(o.ID, o.Value, repeated)
	})
}

// Append appends m, which has to be well-formed: options in order and of legal length,
// type and code that go together, no content in an Empty message. On an error b is
// returned as it was.
func Append(b []byte, m *Message) ([]byte, error) {
	if !wellFormed(m) {
		return b, ErrFormat
	}
	size, err := coder.DefaultCoder.Size(*m)
	if err != nil {
		return b, ErrFormat
	}
	start := len(b)
	b = slices.Grow(b, size)[:start+size]
	if _, err := coder.DefaultCoder.Encode(*m, b[start:]); err != nil {
		return b[:start], ErrFormat
	}
	return b, nil
}

func wellFormed(m *Message) bool {
	if m.Type < message.Confirmable || m.Type > message.Reset || m.Code > 0xff ||
		m.MessageID < 0 || m.MessageID > 0xffff || len(m.Token) > maxToken || !allowed(m.Type, m.Code) {
		return false
	}
	if m.Code == codes.Empty {
		return len(m.Token)+len(m.Options)+len(m.Payload) == 0
	}
	previous := message.OptionID(0)
	for _, o := range m.Options {
		if o.ID < previous || !permitted(o.ID, o.Value, o.ID == previous) {
			return false
		}
		previous = o.ID
	}
	return len(m.Options) <= maxOptions
}
