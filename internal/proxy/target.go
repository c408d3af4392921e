package proxy

import (
	"errors"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/plgd-dev/go-coap/v3/message"
	"github.com/plgd-dev/go-coap/v3/message/codes"

	"github.com/pqcoap/pqcoap/coap"
)

// Schemes of the URIs that can be forwarded.
const (
	SchemeCoAP = "coap"
	SchemePQ   = "coap+pq"
)

var (
	errURI      = errors.New("proxy: URI cannot be taken apart")
	errNotOurs  = errors.New("proxy: URI is of another server")
	defaultPort = map[string]uint16{SchemeCoAP: 5683, SchemePQ: 5688}
)

// maxSegment is the longest Uri-Path or Uri-Query (RFC 7252 table 4).
const maxSegment = 255

// target returns the options of a request with its resource in Uri-Path and Uri-Query,
// whichever way it is named (RFC 7252 section 5.10.2), or the answer where that is of another
// server.
func (h *Handler) target(r *coap.Request) (message.Options, *coap.Message) {
	var err error
	options := r.Options
	if uri, found := value(options, message.ProxyURI); found {
		options, err = h.absolute(options, string(uri))
	} else if scheme, found := value(options, message.ProxyScheme); found {
		err = h.schemed(options, string(scheme))
	}
	switch {
	case errors.Is(err, errNotOurs):
		return nil, status(codes.ProxyingNotSupported, "")
	case err != nil:
		return nil, status(coap.BadRequest, "Proxy-Uri not valid")
	}
	return options, nil
}

func value(options message.Options, id message.OptionID) ([]byte, bool) {
	i := slices.IndexFunc(options, func(o message.Option) bool { return o.ID == id })
	if i < 0 {
		return nil, false
	}
	return options[i].Value, true
}

// absolute replaces what else names a resource by the parts of Proxy-Uri, which takes
// precedence.
func (h *Handler) absolute(options message.Options, uri string) (message.Options, error) {
	scheme, host, port, named, err := decompose(uri)
	if err != nil {
		return nil, err
	}
	if h.cfg.Serves == nil || !h.cfg.Serves(scheme, host, port) {
		return nil, errNotOurs
	}
	kept := slices.DeleteFunc(slices.Clone(options), func(o message.Option) bool {
		return o.ID == message.URIPath || o.ID == message.URIQuery
	})
	for _, o := range named {
		kept = Insert(kept, o)
	}
	return kept, nil
}

// schemed holds the authority that a Proxy-Scheme goes with against the upstream's. Without a
// Uri-Host the request names this proxy, which stands for the upstream.
func (h *Handler) schemed(options message.Options, scheme string) error {
	scheme = strings.ToLower(scheme)
	port, known := defaultPort[scheme]
	if !known || h.cfg.Serves == nil {
		return errNotOurs
	}
	host, found := value(options, message.URIHost)
	if !found {
		return nil
	}
	if v, found := value(options, message.URIPort); found {
		port = 0
		for _, b := range v {
			port = port<<8 | uint16(b)
		}
	}
	if !h.cfg.Serves(scheme, strings.ToLower(strings.Trim(string(host), "[]")), port) {
		return errNotOurs
	}
	return nil
}

// decompose is RFC 7252 section 6.4, for a URI with a scheme and an authority. The scheme is
// one that may be forwarded, and the host in lower case.
func decompose(uri string) (scheme, host string, port uint16, options message.Options, err error) {
	u, err := url.Parse(uri)
	if err != nil || !u.IsAbs() {
		return "", "", 0, nil, errURI
	}
	port, known := defaultPort[u.Scheme]
	switch {
	case !known:
		return "", "", 0, nil, errNotOurs
	case u.Opaque != "" || u.User != nil || u.Fragment != "" || strings.Contains(uri, "#") || u.Hostname() == "":
		return "", "", 0, nil, errURI
	}
	if text := u.Port(); text != "" {
		n, err := strconv.ParseUint(text, 10, 16)
		if err != nil || n == 0 {
			return "", "", 0, nil, errURI
		}
		port = uint16(n)
	}
	options, err = resource(u)
	return u.Scheme, strings.ToLower(u.Hostname()), port, options, err
}

// resource takes path and query apart.
func resource(u *url.URL) (options message.Options, err error) {
	if path := strings.TrimPrefix(withoutDots(u.EscapedPath()), "/"); path != "" {
		if options, err = appendParts(options, message.URIPath, strings.Split(path, "/")); err != nil {
			return nil, err
		}
	}
	if u.RawQuery != "" {
		return appendParts(options, message.URIQuery, strings.Split(u.RawQuery, "&"))
	}
	return options, nil
}

func appendParts(options message.Options, id message.OptionID, escaped []string) (message.Options, error) {
	for _, e := range escaped {
		s, err := url.PathUnescape(e)
		if err != nil || len(s) > maxSegment || id == message.URIPath && (s == "." || s == "..") {
			return nil, errURI
		}
		options = append(options, message.Option{ID: id, Value: []byte(s)})
	}
	return options, nil
}

// withoutDots is RFC 3986 section 5.2.4, for a path that begins with a slash or is empty.
func withoutDots(path string) string {
	if path == "" {
		return ""
	}
	var kept []string
	parts := strings.Split(path, "/")[1:]
	for i, part := range parts {
		last := i == len(parts)-1
		switch part {
		case ".", "..":
			if part == ".." && len(kept) > 0 {
				kept = kept[:len(kept)-1]
			}
			if last {
				kept = append(kept, "")
			}
		default:
			kept = append(kept, part)
		}
	}
	return "/" + strings.Join(kept, "/")
}
