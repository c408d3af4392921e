package coap

import "github.com/plgd-dev/go-coap/v3/message"

// keep copies what of m is to outlive its datagram, without the options of a
// block-wise transfer.
func keep(m *Message, payload bool) Message {
	size := 0
	for _, o := range m.Options {
		size += len(o.Value)
	}
	if payload {
		size += len(m.Payload)
	}
	buf := make([]byte, 0, size)
	kept := Message{Code: m.Code, Options: make(message.Options, 0, len(m.Options))}
	for _, o := range m.Options {
		if transferOption(o.ID) {
			continue
		}
		n := len(buf)
		buf = append(buf, o.Value...)
		kept.Options = append(kept.Options, message.Option{ID: o.ID, Value: buf[n:len(buf):len(buf)]})
	}
	if payload && len(m.Payload) > 0 {
		n := len(buf)
		kept.Payload = append(buf, m.Payload...)[n:]
	}
	return kept
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
