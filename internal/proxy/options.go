package proxy

import (
	"slices"

	"github.com/plgd-dev/go-coap/v3/message"
	"github.com/plgd-dev/go-coap/v3/message/codes"

	"github.com/pqcoap/pqcoap/coap"
)

// Options and a code that go-coap has no name for.
const (
	optionHopLimit   message.OptionID = 16  // RFC 8768
	optionRequestTag message.OptionID = 292 // RFC 9175

	codeHopLimitReached = coap.Code(5<<5 | 8) // RFC 8768
)

// suppress2xx is the bit of No-Response that says so (RFC 7967 section 2.1).
const suppress2xx = 2

// A fate is what becomes of an option that is known here.
type fate uint8

const (
	unknown fate = iota
	kept         // goes on as it is
	dropped      // is for this hop, or has no meaning where it stands
	refused      // is a meaning that the proxy cannot give it
)

// requestFates holds the options that this proxy knows, unsafe ones all: what is not here
// is forwarded where it is safe to (RFC 7252 section 5.7.1).
var requestFates = map[message.OptionID]fate{
	message.URIHost:     dropped, // names the proxy, or is of a URI that it has taken apart
	message.URIPort:     dropped,
	message.ProxyURI:    dropped,
	message.ProxyScheme: dropped,
	message.URIPath:     kept,
	message.URIQuery:    kept,
	message.MaxAge:      dropped, // means nothing in a request
	message.Observe:     dropped, // each side has observations of its own
	message.Block1:      dropped, // and blocks
	message.Block2:      dropped,
	message.Size1:       dropped,
	message.Size2:       dropped,
	optionRequestTag:    dropped, // RFC 9175 section 3.3: of the blocks of one hop
	message.NoResponse:  kept,
	optionHopLimit:      dropped, // and made anew
}

// responseFates is the same for responses.
var responseFates = map[message.OptionID]fate{
	message.MaxAge:  kept,
	message.Observe: dropped,
	message.Block1:  dropped,
	message.Block2:  dropped,
	message.Size1:   dropped,
	message.Size2:   dropped,
}

// of is the fate of an option.
func of(fates map[message.OptionID]fate, id message.OptionID) fate {
	f := fates[id]
	switch {
	case f != unknown:
		return f
	case coap.SafeToForward(id):
		return kept
	}
	return refused
}

// outgoing makes the request that goes on of one that has come, or the answer that says why
// there is none.
func (h *Handler) outgoing(r *coap.Request) (m coap.Message, refusal *coap.Message) {
	named, refusal := h.target(r)
	if refusal != nil {
		return m, refusal
	}
	var options message.Options
	for _, o := range named {
		switch of(requestFates, o.ID) {
		case refused:
			return m, status(coap.BadOption, "unsafe option not known")
		case kept:
			options = append(options, o)
		}
	}
	options, refusal = h.hop(named, options)
	if refusal != nil {
		return m, refusal
	}
	options = withoutSuppression(options)
	if h.cfg.Rewrite != nil {
		options = h.cfg.Rewrite(r, options)
	}
	return coap.Message{Code: r.Code, Options: options, Payload: r.Payload}, nil
}

// hop counts a hop (RFC 8768 section 3).
func (h *Handler) hop(from, options message.Options) (message.Options, *coap.Message) {
	limit := h.cfg.HopLimit
	i := slices.IndexFunc(from, func(o message.Option) bool { return o.ID == optionHopLimit })
	if i >= 0 {
		value := from[i].Value
		switch {
		case len(value) != 1 || value[0] == 0:
			return nil, status(coap.BadRequest, "Hop-Limit out of range")
		case value[0] == 1:
			return nil, status(codeHopLimitReached, h.cfg.Name)
		}
		limit = value[0] - 1
	}
	if limit == 0 {
		return options, nil
	}
	return Insert(options, message.Option{ID: optionHopLimit, Value: []byte{limit}}), nil
}

// withoutSuppression takes out a No-Response that wants an answer where all went well: of that
// the upstream's engine would learn only that the request has arrived.
func withoutSuppression(options message.Options) message.Options {
	return slices.DeleteFunc(options, func(o message.Option) bool {
		return o.ID == message.NoResponse && (len(o.Value) != 1 || o.Value[0]&suppress2xx == 0)
	})
}

// Insert puts an option behind those of a lower or the same number.
func Insert(options message.Options, o message.Option) message.Options {
	i := slices.IndexFunc(options, func(other message.Option) bool { return other.ID > o.ID })
	if i < 0 {
		i = len(options)
	}
	return slices.Insert(options, i, o)
}

// incoming makes the response that goes back of one that has come.
func (h *Handler) incoming(r *coap.Request, m *coap.Message) *coap.Message {
	if m.Code == codes.Empty { // the upstream was not to answer, and the peer does not get this
		return coap.Status(coap.Changed)
	}
	answer := &coap.Message{Code: m.Code, Payload: m.Payload}
	for _, o := range m.Options {
		switch of(responseFates, o.ID) {
		case refused:
			h.cfg.Log.Warn("upstream's response has an unsafe option that is not known", "device", r.Device, "option", o.ID)
			return status(codes.BadGateway, "unsafe option not known")
		case kept:
			answer.Options = append(answer.Options, o)
		}
	}
	if m.Code == codeHopLimitReached && h.cfg.Name != "" { // RFC 8768 section 4
		answer.Payload = append([]byte(h.cfg.Name+" "), m.Payload...)
	}
	return answer
}
