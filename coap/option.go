package coap

import "github.com/plgd-dev/go-coap/v3/message"

// Options and a content format that go-coap has no name for.
const (
	optionOSCORE     message.OptionID = 9   // RFC 8613
	optionHopLimit   message.OptionID = 16  // RFC 8768
	optionQBlock1    message.OptionID = 19  // RFC 9177
	optionEDHOC      message.OptionID = 21  // RFC 9668
	optionQBlock2    message.OptionID = 31  // RFC 9177
	optionEcho       message.OptionID = 252 // RFC 9175
	optionRequestTag message.OptionID = 292 // RFC 9175

	formatMissingBlocks message.MediaType = 272 // application/missing-blocks+cbor-seq, RFC 9177
)

// optionRule is what the definition of an option allows.
type optionRule struct {
	min, max   int
	repeatable bool
}

// optionRules holds the definitions of RFC 7252 table 4 and of the RFCs named above. A
// number that is not in it may have any length and may be repeated.
var optionRules = map[message.OptionID]optionRule{
	message.IfMatch:       {0, 8, true},
	message.URIHost:       {1, 255, false},
	message.ETag:          {1, 8, true},
	message.IfNoneMatch:   {0, 0, false},
	message.Observe:       {0, 3, false}, // RFC 7641
	message.URIPort:       {0, 2, false},
	message.LocationPath:  {0, 255, true},
	optionOSCORE:          {0, 255, false},
	message.URIPath:       {0, 255, true},
	message.ContentFormat: {0, 2, false},
	message.MaxAge:        {0, 4, false},
	message.URIQuery:      {0, 255, true},
	optionHopLimit:        {1, 1, false},
	message.Accept:        {0, 2, false},
	optionQBlock1:         {0, 3, false},
	message.LocationQuery: {0, 255, true},
	optionEDHOC:           {0, 0, false},
	message.Block2:        {0, 3, false}, // RFC 7959
	message.Block1:        {0, 3, false},
	message.Size2:         {0, 4, false},
	optionQBlock2:         {0, 3, true},
	message.ProxyURI:      {1, 1034, false},
	message.ProxyScheme:   {1, 255, false},
	message.Size1:         {0, 4, false},
	optionEcho:            {1, 40, false},
	message.NoResponse:    {0, 1, false}, // RFC 7967
	optionRequestTag:      {0, 8, true},
}

// isCritical tells whether an option that is not understood makes a message
// unacceptable (RFC 7252 section 5.4.6).
func isCritical(id message.OptionID) bool { return id&1 == 1 }

// permitted holds an option against its definition. "." and ".." are no path segments
// (RFC 7252 section 5.10.1): a handler must not have to think of them.
func permitted(id message.OptionID, value []byte, repeated bool) bool {
	if id == message.URIPath && (string(value) == "." || string(value) == "..") {
		return false
	}
	rule, ok := optionRules[id]
	return !ok || len(value) >= rule.min && len(value) <= rule.max && (rule.repeatable || !repeated)
}

// option returns the value of the first option id. (Options.Find of go-coap does the
// same through a slice of indexes.)
func option(options message.Options, id message.OptionID) ([]byte, bool) {
	for _, o := range options {
		if o.ID == id {
			return o.Value, true
		}
	}
	return nil, false
}

// optionUint returns the value of the first option id as a number of up to 4 bytes;
// leading zeros are allowed (RFC 7252 section 3.2).
func optionUint(options message.Options, id message.OptionID) (uint32, bool) {
	value, ok := option(options, id)
	return parseUint(value), ok
}

func parseUint(value []byte) (v uint32) {
	for _, b := range value {
		v = v<<8 | uint32(b)
	}
	return v
}

// appendUint appends v in the fewest bytes, none for 0 (RFC 7252 section 3.2).
func appendUint(b []byte, v uint32) []byte {
	for shift := 24; shift >= 0; shift -= 8 {
		if v>>shift != 0 {
			b = append(b, byte(v>>shift))
		}
	}
	return b
}
