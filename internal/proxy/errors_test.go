package proxy

import (
	"context"
	"fmt"
	"testing"

	"github.com/plgd-dev/go-coap/v3/message/codes"

	"github.com/pqcoap/pqcoap/coap"
	"github.com/pqcoap/pqcoap/internal/plain"
	"github.com/pqcoap/pqcoap/internal/session"
)

func TestFailed(t *testing.T) {
	for err, want := range map[error]coap.Code{
		context.DeadlineExceeded: codes.GatewayTimeout,
		coap.ErrTimeout:          codes.GatewayTimeout,
		context.Canceled:         codes.ServiceUnavailable,
		ErrUnavailable:           codes.ServiceUnavailable,
		plain.ErrRefused:         codes.ServiceUnavailable,
		coap.ErrBusy:             codes.ServiceUnavailable,
		session.ErrClosed:        codes.BadGateway,
		coap.ErrReset:            codes.BadGateway,
		coap.ErrTransfer:         codes.BadGateway,
		coap.ErrTooLarge:         codes.BadGateway,
		coap.ErrObservationEnded: codes.BadGateway,
		coap.ErrFormat:           codes.BadRequest,
	} {
		if got := failed(fmt.Errorf("x: %w", err)); got.Code != want {
			t.Errorf("%v: %v, want %v", err, got.Code, want)
		}
	}
}
