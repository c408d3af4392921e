package coap

import (
	"bytes"
	"context"
	"io"
	"net/netip"
	"strings"

	"github.com/plgd-dev/go-coap/v3/message"
	"github.com/plgd-dev/go-coap/v3/message/codes"
)

// Code is the code of a message, a method or a response code (RFC 7252 section 12.1).
type Code = codes.Code

// Methods (RFC 7252 section 12.1.1, RFC 8132 section 8.1).
const (
	GET    = codes.GET
	POST   = codes.POST
	PUT    = codes.PUT
	DELETE = codes.DELETE
	FETCH  = Code(5)
	PATCH  = Code(6)
	IPATCH = Code(7)
)

// Response codes that an application chooses itself (RFC 7252 section 12.1.2).
const (
	Created              = codes.Created
	Deleted              = codes.Deleted
	Valid                = codes.Valid
	Changed              = codes.Changed
	ContentCode          = codes.Content // [Content] makes the response
	BadRequest           = codes.BadRequest
	Unauthorized         = codes.Unauthorized
	BadOption            = codes.BadOption
	Forbidden            = codes.Forbidden
	NotFound             = codes.NotFound
	MethodNotAllowed     = codes.MethodNotAllowed
	NotAcceptable        = codes.NotAcceptable
	PreconditionFailed   = codes.PreconditionFailed
	EntityTooLarge       = codes.RequestEntityTooLarge
	UnsupportedMediaType = codes.UnsupportedMediaType
	TooManyRequests      = codes.TooManyRequests
	InternalServerError  = codes.InternalServerError
	ServiceUnavailable   = codes.ServiceUnavailable
)

// A Request is a request as a handler sees it: the whole body is in Payload, whatever
// blocks it came in, and who sent it is known.
type Request struct {
	Message
	Device    string         // the authenticated name of the sender; empty where it gave none
	SessionID string         // of the session it came in
	Remote    netip.AddrPort // where the sender was last heard from
	Peer      Peer           // the sender's side of the session
	// Body, where it is not nil, is the body, which comes while it is read (see Streamer); then
	// Payload is empty.
	Body io.Reader
	// Content, where a handler sets it, is the body of its response instead of the Payload. It
	// is read while it is sent, and closed afterwards if it is an io.Closer.
	Content Body
	// Register begins an observation, nil where the request asks for none, and Postpone an
	// answer that comes later. Handlers call Observe and Defer.
	Register func() Observation
	Postpone func() func(*Message) error
}

// Reader returns the body, whichever way it comes.
func (r *Request) Reader() io.Reader {
	if r.Body != nil {
		return r.Body
	}
	return bytes.NewReader(r.Payload)
}

// Defer lets the handler return nil, and its place to another, before there is a response:
// that is what the function is called with, once and from any goroutine. It fails where the
// session has ended or there has been a response.
func (r *Request) Defer() (respond func(*Message) error) { return r.Postpone() }

// Path returns the Uri-Path options as an absolute path: "/", "/temperature", "/a/b".
// A slash within an option is not told from one between two.
func (r *Request) Path() string {
	var path strings.Builder
	for _, o := range r.Options {
		if o.ID == message.URIPath {
			path.WriteByte('/')
			path.Write(o.Value)
		}
	}
	if path.Len() == 0 {
		return "/"
	}
	return path.String()
}

// Query returns what follows "name=" in the first Uri-Query option of that form, and
// whether there is one; an option that is just "name" counts, with an empty value.
func (r *Request) Query(name string) (string, bool) {
	for _, o := range r.Options {
		if o.ID != message.URIQuery {
			continue
		}
		if key, value, _ := strings.Cut(string(o.Value), "="); key == name {
			return value, true
		}
	}
	return "", false
}

// A Handler answers requests. It may take its time, and is called once a request,
// however often the request is repeated on the way; nil is answered 4.04. The response
// has code, options and the whole body; type, token, message ID and blocks are not the
// handler's concern. Many calls may run at once.
//
// A request and its options are the handler's until it returns; where it has called Observe, until
// the observation has ended, and where it has called Defer, until it has responded. What it keeps
// for longer it clones. The payload it may keep.
type Handler interface {
	ServeCoAP(ctx context.Context, r *Request) *Message
}

// A Streamer is a Handler that takes some bodies while they come, by Request.Body, so that
// they may be larger than memory. A body in one datagram comes whole all the same.
type Streamer interface {
	Handler
	// Streams looks at a request of which the first block to arrive is here, and returns how
	// many bytes of body it may have, 0 for a request that is to come whole. It must not
	// wait, and not keep m.
	Streams(m *Message) (max int)
}

// HandlerFunc makes a Handler of a function.
type HandlerFunc func(ctx context.Context, r *Request) *Message

// ServeCoAP calls f.
func (f HandlerFunc) ServeCoAP(ctx context.Context, r *Request) *Message { return f(ctx, r) }

// Status makes a response without a body.
func Status(code Code) *Message { return &Message{Code: code} }

// Content makes a 2.05 response with a body of a content format.
func Content(format message.MediaType, body []byte) *Message {
	return &Message{
		Code:    codes.Content,
		Options: message.Options{{ID: message.ContentFormat, Value: appendUint(nil, uint32(format))}},
		Payload: body,
	}
}
