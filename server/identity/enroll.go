package identity

import (
	"context"
	"io"

	"github.com/pqcoap/pqcoap/coap"
	"github.com/pqcoap/pqcoap/handshake"
)

// Enrolling is the handler of a session that was opened with a code: the device can POST its
// public key to /enroll, and nothing else.
func (h *Handler) Enrolling(code [16]byte) coap.Handler {
	return coap.HandlerFunc(func(_ context.Context, r *coap.Request) *coap.Message {
		if r.Code != coap.POST || proxied(r.Options) || resource(r.Options) != pathEnroll {
			return coap.Status(coap.Forbidden)
		}
		return h.enroll(r, code)
	})
}

// enroll takes [suite, pk_C], which has the shape of the server's own credential.
func (h *Handler) enroll(r *coap.Request, code [16]byte) *coap.Message {
	body, err := io.ReadAll(io.LimitReader(r.Reader(), MaxBody+1))
	switch {
	case err != nil:
		return coap.Status(coap.BadRequest)
	case len(body) > MaxBody:
		return coap.Status(coap.EntityTooLarge)
	}
	device, err := handshake.ParseServerCredential(body)
	if err != nil {
		return coap.Status(coap.BadRequest)
	}
	answer, err := h.cfg.Enroll(r, code, device.PublicKey())
	return h.respond(r, answer, err)
}
