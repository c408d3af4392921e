package proxy

import (
	"context"
	"errors"

	"github.com/plgd-dev/go-coap/v3/message"
	"github.com/plgd-dev/go-coap/v3/message/codes"

	"github.com/pqcoap/pqcoap/coap"
	"github.com/pqcoap/pqcoap/internal/plain"
)

// ErrUnavailable says that a request has not been sent: there is nothing to forward to now.
var ErrUnavailable = errors.New("proxy: upstream is not available")

// retryAfter is the Max-Age of a 5.03, seconds.
const retryAfter = 5

// failed is the answer where there is none of the upstream (RFC 7252 section 5.9.3).
func failed(err error) *coap.Message {
	switch {
	case errors.Is(err, ErrUnavailable), errors.Is(err, plain.ErrRefused), errors.Is(err, context.Canceled):
		return unavailable(retryAfter)
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, coap.ErrTimeout):
		return status(codes.GatewayTimeout, "no answer in time")
	case errors.Is(err, coap.ErrFormat):
		return status(coap.BadRequest, "cannot be forwarded")
	case errors.Is(err, coap.ErrBusy):
		return unavailable(1)
	}
	return status(codes.BadGateway, "no valid answer")
}

// status is an answer with a diagnostic payload (RFC 7252 section 5.5.2).
func status(code coap.Code, text string) *coap.Message {
	return &coap.Message{Code: code, Payload: []byte(text)}
}

// unavailable is a 5.03 that asks to come again (RFC 7252 section 5.9.3.4).
func unavailable(seconds byte) *coap.Message {
	return &coap.Message{
		Code:    codes.ServiceUnavailable,
		Options: message.Options{{ID: message.MaxAge, Value: []byte{seconds}}},
	}
}
