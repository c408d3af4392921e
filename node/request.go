package node

import (
	"context"
	"fmt"
	"net/url"
	"strings"

	"github.com/plgd-dev/go-coap/v3/message"
	"github.com/plgd-dev/go-coap/v3/message/codes"

	"github.com/pqcoap/pqcoap/coap"
)

// Get fetches a resource. path may have a query, as in "/telemetry?last=3".
func (c *Conn) Get(ctx context.Context, path string) (coap.Message, error) {
	return c.do(ctx, codes.GET, path, nil, nil)
}

// Post sends a body of a content format (RFC 7252 section 12.3) to a resource.
func (c *Conn) Post(ctx context.Context, path string, format message.MediaType, body []byte) (coap.Message, error) {
	return c.do(ctx, codes.POST, path, &format, body)
}

// Put creates or replaces a resource.
func (c *Conn) Put(ctx context.Context, path string, format message.MediaType, body []byte) (coap.Message, error) {
	return c.do(ctx, codes.PUT, path, &format, body)
}

// Delete removes a resource.
func (c *Conn) Delete(ctx context.Context, path string) (coap.Message, error) {
	return c.do(ctx, codes.DELETE, path, nil, nil)
}

// Fetch asks a resource with a body that says what of it is wanted (RFC 8132 section 2).
func (c *Conn) Fetch(ctx context.Context, path string, format message.MediaType, body []byte) (coap.Message, error) {
	return c.do(ctx, coap.FETCH, path, &format, body)
}

// Patch changes a part of a resource, as the body says (RFC 8132 section 3).
func (c *Conn) Patch(ctx context.Context, path string, format message.MediaType, body []byte) (coap.Message, error) {
	return c.do(ctx, coap.PATCH, path, &format, body)
}

// IPatch is Patch with a body that may be applied twice to the same effect.
func (c *Conn) IPatch(ctx context.Context, path string, format message.MediaType, body []byte) (coap.Message, error) {
	return c.do(ctx, coap.IPATCH, path, &format, body)
}

func (c *Conn) do(ctx context.Context, code codes.Code, path string, format *message.MediaType, body []byte) (coap.Message, error) {
	m, err := NewRequest(code, path, format)
	if err != nil {
		return coap.Message{}, err
	}
	m.Payload = body
	return c.Do(ctx, m)
}

// NewRequest makes a request for the resource at a path, which may have a query; format, unless
// nil, is that of the body. [Conn.Do], [Conn.Stream] and [Conn.Observe] send it.
func NewRequest(code coap.Code, path string, format *message.MediaType) (coap.Message, error) {
	options, err := pathOptions(path, format)
	if err != nil {
		return coap.Message{}, err
	}
	return coap.Message{Code: code, Options: options}, nil
}

// pathOptions decomposes a path with query (RFC 7252 section 6.4).
func pathOptions(path string, format *message.MediaType) (message.Options, error) {
	u, err := url.Parse(path)
	if err != nil || u.IsAbs() || u.Host != "" {
		return nil, fmt.Errorf("node: path %q: want one like /telemetry?last=3", path)
	}
	var options message.Options
	if p := strings.TrimPrefix(u.EscapedPath(), "/"); p != "" {
		if options, err = appendSegments(options, message.URIPath, strings.Split(p, "/")); err != nil {
			return nil, err
		}
	}
	if format != nil {
		var buf [4]byte
		n, err := message.EncodeUint32(buf[:], uint32(*format))
		if err != nil {
			return nil, err
		}
		options = append(options, message.Option{ID: message.ContentFormat, Value: buf[:n]})
	}
	if u.RawQuery != "" {
		return appendSegments(options, message.URIQuery, strings.Split(u.RawQuery, "&"))
	}
	return options, nil
}

// maxSegment is the longest Uri-Path or Uri-Query (RFC 7252 table 4).
const maxSegment = 255

func appendSegments(options message.Options, id message.OptionID, escaped []string) (message.Options, error) {
	for _, e := range escaped {
		s, err := url.PathUnescape(e)
		if err != nil || len(s) > maxSegment {
			return nil, fmt.Errorf("node: part %q of the path: at most %d bytes, with %%-escapes that are whole", e, maxSegment)
		}
		options = append(options, message.Option{ID: id, Value: []byte(s)})
	}
	return options, nil
}
