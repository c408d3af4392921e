package interop

import "testing"

// Option numbers that requests of the tests use.
const (
	optIfMatch       = 1
	optETag          = 4
	optIfNoneMatch   = 5
	optContentFormat = 12
	optHopLimit      = 16
	optAccept        = 17
	optProxyURI      = 35
	optEcho          = 252
)

// An option is one of a request, in the form in which all clients take it.
type option struct {
	number int
	value  []byte
}

// A request is what a test asks of a client.
type request struct {
	method  string // as coap-client spells it: get, post, put, delete, fetch, patch, ipatch
	uri     string // coap://host:port/path?query
	body    []byte
	options []option
	block   int  // bytes of a block; 0: what the client takes by itself
	non     bool // not confirmable
}

// A response is what a client says it has got.
type response struct {
	code string // "2.05"
	body []byte
	etag string // hex
}

// An observation is a client that observes, until it is cancelled.
type observation interface {
	// next waits for a notification with this body; others before it are passed over.
	next(t *testing.T, body string)
	// has tells whether the body has come.
	has(t *testing.T, body string) bool
	// cancel ends it as the client does.
	cancel(t *testing.T)
}

// A client is a CoAP client that is not ours.
type client interface {
	do(t *testing.T, r request) response
	// observe begins an observation that is to be cancelled soon, or not at all.
	observe(t *testing.T, uri string, soon bool) observation
}
