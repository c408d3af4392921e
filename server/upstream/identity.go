package upstream

import (
	"slices"
	"strconv"
	"strings"

	"github.com/plgd-dev/go-coap/v3/message"

	"github.com/pqcoap/pqcoap/internal/proxy"
)

// attach puts the authenticated name of a device where the upstream expects it, and takes out
// whatever the device has put there itself: the name is never the device's word. A device
// without a name has none there.
func (id identity) attach(options message.Options, device string) message.Options {
	switch {
	case id.query != "":
		options = slices.DeleteFunc(options, func(o message.Option) bool {
			return o.ID == message.URIQuery && names(string(o.Value), id.query)
		})
		if device != "" && !discovers(options) {
			options = proxy.Insert(options, message.Option{ID: message.URIQuery, Value: []byte(id.query + "=" + device)})
		}
	case id.option != 0:
		options = slices.DeleteFunc(options, func(o message.Option) bool { return o.ID == id.option })
		if device != "" {
			options = proxy.Insert(options, message.Option{ID: id.option, Value: []byte(device)})
		}
	}
	return options
}

// discovers tells whether a request is for the list of resources, where a parameter is a filter
// (RFC 6690 section 4.1): no resource has the device's name.
func discovers(options message.Options) bool {
	return slices.Equal(segments(options), []string{".well-known", "core"})
}

// names tells whether a Uri-Query could be taken for the parameter of a name. Some servers
// join the options and parse the whole as HTTP does: so whatever stands before, within escapes
// or in capitals, it counts.
func names(query, name string) bool {
	for {
		for part := range strings.FieldsFuncSeq(query, func(r rune) bool { return r == '&' || r == ';' }) {
			key, _, _ := strings.Cut(part, "=")
			if strings.EqualFold(strings.TrimSpace(strings.Trim(key, "?+\x00")), name) {
				return true
			}
		}
		decoded := unescape(query)
		if decoded == query {
			return false
		}
		query = decoded // which is shorter
	}
}

// unescape replaces the escapes that are whole, and leaves the others.
func unescape(text string) string {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] == '%' && i+2 < len(text) {
			if v, err := strconv.ParseUint(text[i+1:i+3], 16, 8); err == nil {
				b.WriteByte(byte(v))
				i += 2
				continue
			}
		}
		b.WriteByte(text[i])
	}
	return b.String()
}
