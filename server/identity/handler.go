// Package identity stands before the application in every session of a server: it answers what a
// device asks about who is who (docs/protocol.md section 17), and keeps from the application what
// the device must not ask it.
//
//	front := identity.New(identity.Config{Application: app, Allows: allows, ...})
//
// GET /hs is the server's credential, POST /renew a new credential for the device, and POST
// /enroll, in a session that was opened with a code, makes a device one that is enrolled. A
// Handler is safe for concurrent use, and says nothing on the wire but codes.
package identity

import (
	"context"
	"errors"
	"log/slog"

	"github.com/plgd-dev/go-coap/v3/message"
	"github.com/plgd-dev/go-coap/v3/message/codes"

	"github.com/pqcoap/pqcoap/coap"
	"github.com/pqcoap/pqcoap/handshake"
)

// What Enroll and Renew of a Config fail with.
var (
	ErrDenied      = errors.New("identity: not for this device")              // 4.03
	ErrUnavailable = errors.New("identity: this server issues no credential") // 5.03
	ErrTooOften    = errors.New("identity: too often")                        // 4.29
)

// MaxBody is how many bytes a request to this package may bring.
const MaxBody = 16 << 10

// A Config is who knows the answers. All of it is needed but Log, and called by many goroutines.
type Config struct {
	Application coap.Handler // perhaps a coap.Streamer
	// Allows tells whether a device may make a request: code and options are there.
	Allows func(device string, request *coap.Message) bool
	// Server is the server's credential that the parameters of a query ask for, as on the plain
	// lane.
	Server func(device string, query []string) (body []byte, format message.MediaType, found bool)
	// Enroll enrolls the key of a device that has opened a session with a code, which it names by
	// the identifier of the PSK.
	Enroll func(r *coap.Request, code [16]byte, key *handshake.PublicKey) (*Answer, error)
	// Renew makes a new credential for the device of a request.
	Renew func(r *coap.Request) (*Answer, error)
	Log   *slog.Logger
}

// A Handler is the one before the application, a coap.Streamer.
type Handler struct {
	cfg Config
}

// New makes a handler.
func New(cfg Config) *Handler {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return &Handler{cfg}
}

// The resources, each of one segment.
const (
	pathHS     = "hs"
	pathEnroll = "enroll"
	pathRenew  = "renew"
)

// ServeCoAP implements coap.Handler, for sessions of enrolled devices, and of those without a name.
func (h *Handler) ServeCoAP(ctx context.Context, r *coap.Request) *coap.Message {
	if proxied(r.Options) { // its resource is not the one of Uri-Path: RFC 7252 section 5.10.2
		return coap.Status(codes.ProxyingNotSupported)
	}
	switch resource(r.Options) {
	case pathHS:
		return h.server(r)
	case pathEnroll: // by a session that proves a code
		return coap.Status(coap.Forbidden)
	case pathRenew:
		return h.renew(r)
	}
	if !h.cfg.Allows(r.Device, &r.Message) {
		return coap.Status(coap.Forbidden)
	}
	return h.cfg.Application.ServeCoAP(ctx, r)
}

// Streams implements coap.Streamer. What comes for this package is read while it comes, so that the
// engine holds no more of it than is allowed.
func (h *Handler) Streams(m *coap.Message) (max int) {
	switch resource(m.Options) {
	case pathHS, pathEnroll, pathRenew:
		return MaxBody
	}
	if app, ok := h.cfg.Application.(coap.Streamer); ok {
		return app.Streams(m)
	}
	return 0
}

// proxied tells of a request that names its resource as a proxy's.
func proxied(options message.Options) bool {
	for _, o := range options {
		if o.ID == message.ProxyURI || o.ID == message.ProxyScheme {
			return true
		}
	}
	return false
}

// resource is the path of a request where it is one of this package's, else empty.
func resource(options message.Options) (name string) {
	n := 0
	for _, o := range options {
		if o.ID != message.URIPath {
			continue
		}
		if n++; n > 1 {
			return ""
		}
		switch string(o.Value) {
		case pathHS:
			name = pathHS
		case pathEnroll:
			name = pathEnroll
		case pathRenew:
			name = pathRenew
		}
	}
	return name
}

// server answers GET /hs?s=SUITE, with &f=cwt for the certified form.
func (h *Handler) server(r *coap.Request) *coap.Message {
	if r.Code != coap.GET {
		return coap.Status(coap.MethodNotAllowed)
	}
	body, format, found := h.cfg.Server(r.Device, queries(r.Options))
	if !found {
		return coap.Status(coap.NotFound)
	}
	return coap.Content(format, body)
}

func queries(options message.Options) (list []string) {
	for _, o := range options {
		if o.ID == message.URIQuery {
			list = append(list, string(o.Value))
		}
	}
	return list
}

// renew answers POST /renew.
func (h *Handler) renew(r *coap.Request) *coap.Message {
	switch {
	case r.Code != coap.POST:
		return coap.Status(coap.MethodNotAllowed)
	case r.Device == "":
		return coap.Status(coap.Forbidden)
	}
	answer, err := h.cfg.Renew(r)
	return h.respond(r, answer, err)
}

// respond is the answer, or a code that says why there is none.
func (h *Handler) respond(r *coap.Request, answer *Answer, err error) *coap.Message {
	switch {
	case errors.Is(err, ErrDenied):
		return coap.Status(coap.Forbidden)
	case errors.Is(err, ErrUnavailable):
		return coap.Status(coap.ServiceUnavailable)
	case errors.Is(err, ErrTooOften):
		return coap.Status(coap.TooManyRequests)
	case err != nil:
		h.cfg.Log.Error("no credential", "device", r.Device, "error", err)
		return coap.Status(coap.InternalServerError)
	}
	m := coap.Content(message.AppCBOR, answer.Append(nil))
	m.Code = coap.Changed
	return m
}
