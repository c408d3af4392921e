package gocoap

import (
	"errors"
	"io"

	"github.com/plgd-dev/go-coap/v3/message"
	"github.com/plgd-dev/go-coap/v3/message/codes"
	"github.com/plgd-dev/go-coap/v3/message/noresponse"
	"github.com/plgd-dev/go-coap/v3/mux"
	"github.com/plgd-dev/go-coap/v3/net/responsewriter"
)

// A writer is go-coap's own ResponseWriter, which remembers a response that it has refused.
type writer struct {
	*responsewriter.ResponseWriter[*conn]
	unwanted codes.Code // the device does not want it (RFC 7967)
}

func (c *conn) writer(token message.Token, asked message.Options) *writer {
	response := c.AcquireMessage(c.Context())
	response.SetToken(token)
	response.SetModified(false)
	return &writer{ResponseWriter: responsewriter.New(response, c, asked...)}
}

// Conn implements mux.ResponseWriter.
func (w *writer) Conn() mux.Conn { return w.ResponseWriter.Conn() }

// SetResponse implements mux.ResponseWriter.
func (w *writer) SetResponse(code codes.Code, format message.MediaType, body io.ReadSeeker, opts ...message.Option) error {
	err := w.ResponseWriter.SetResponse(code, format, body, opts...)
	if errors.Is(err, noresponse.ErrMessageNotInterested) {
		w.unwanted = code
	}
	return err
}
