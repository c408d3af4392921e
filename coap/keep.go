package coap

import (
	"slices"

	"github.com/plgd-dev/go-coap/v3/message"
)

// keep copies what of m is to outlive its datagram, without the options of a
// block-wise transfer.
func keep(m *Message, payload bool) Message {
	kept, _ := keepIn(m, nil, nil)
	if payload {
		kept.Payload = keepPayload(m)
	}
	return kept
}

// keep is the function for an entry, which has room for the options. The payload is not: the
// application may hand it on.
func (e *entry) keep(m *Message, payload bool) (kept Message) {
	kept, e.kept = keepIn(m, e.kept[:0], e.options[:0])
	e.options = kept.Options
	if payload {
		kept.Payload = keepPayload(m)
	}
	return kept
}

func keepIn(m *Message, buf []byte, options message.Options) (Message, []byte) {
	size := 0
	for _, o := range m.Options {
		size += len(o.Value)
	}
	buf, options = slices.Grow(buf, size), slices.Grow(options, len(m.Options))
	for _, o := range m.Options {
		if transferOption(o.ID) {
			continue
		}
		n := len(buf)
		buf = append(buf, o.Value...)
		options = append(options, message.Option{ID: o.ID, Value: buf[n:len(buf):len(buf)]})
	}
	return Message{Code: m.Code, Options: options}, buf
}

func keepPayload(m *Message) []byte {
	if len(m.Payload) == 0 {
		return nil
	}
	return append([]byte(nil), m.Payload...)
}

func transferOption(id message.OptionID) bool {
	switch id {
	case message.Block1, message.Block2, message.Size1, message.Size2, optionRequestTag:
		return true
	}
	return false
}

// understood tells whether every critical option is one that may pass.
func (c *Conn) understood(options message.Options) bool {
	for _, o := range options {
		if isCritical(o.ID) && !known(o.ID) && !(c.config.Forward && SafeToForward(o.ID)) {
			return false
		}
	}
	return true
}

// Understood tells whether every critical option is one that this package or a handler
// knows: those of RFC 7252, 7959, 7641, 7967, 8768 and 9175. A Conn refuses others itself,
// unless its Config says Forward.
func Understood(options message.Options) bool {
	return (&Conn{}).understood(options)
}

// SafeToForward tells whether a proxy that does not know an option forwards it (RFC 7252
// section 5.4.2).
func SafeToForward(id message.OptionID) bool { return id&2 == 0 }

func known(id message.OptionID) bool {
	switch id {
	case message.IfMatch, message.URIHost, message.IfNoneMatch, message.URIPort, message.URIPath, message.URIQuery,
		message.Accept, message.Block1, message.Block2, message.ProxyURI, message.ProxyScheme:
		return true
	}
	return false
}
