package gocoap

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/plgd-dev/go-coap/v3/message"
	"github.com/plgd-dev/go-coap/v3/message/codes"
	"github.com/plgd-dev/go-coap/v3/message/pool"

	"github.com/pqcoap/pqcoap/coap"
)

// ErrMessage says that a message is not one that can be sent here: an Empty one, a Reset, or
// a body that cannot be read.
var ErrMessage = errors.New("gocoap: message cannot be sent")

// incoming makes go-coap's form of a message. It copies the options.
func (c *conn) incoming(ctx context.Context, token message.Token, m *coap.Message) *pool.Message {
	sequence := c.Sequence()
	in := c.AcquireMessage(ctx)
	in.SetCode(m.Code)
	in.SetToken(token)
	in.ResetOptionsTo(m.Options)
	in.SetType(m.Type)
	in.SetMessageID(int32(uint16(sequence))) // for logs: the one it came with means nothing here
	in.SetSequence(sequence)
	if len(m.Payload) > 0 {
		in.SetBody(bytes.NewReader(m.Payload))
	}
	return in
}

// outgoing copies a message, which go on its way when the caller has released it. The Observe
// option is left out: it is the session's affair, and what it asks for is in observes.
func outgoing(m *pool.Message) (out coap.Message, observes bool, err error) {
	body, err := m.ReadBody()
	if err != nil {
		return out, false, fmt.Errorf("%w: body: %w", ErrMessage, err)
	}
	options, err := m.Options().Clone()
	if err != nil {
		return out, false, fmt.Errorf("%w: options: %w", ErrMessage, err)
	}
	observes = options.HasOption(message.Observe)
	out = coap.Message{Code: m.Code(), Options: withoutObserve(options), Payload: body}
	if m.Type() == message.NonConfirmable {
		out.Type = message.NonConfirmable
	}
	return out, observes, nil
}

func withoutObserve(options message.Options) message.Options {
	return slices.DeleteFunc(options, func(o message.Option) bool { return o.ID == message.Observe })
}

// class is that of a code: 0 for a request, 2 for success.
func class(code codes.Code) uint8 { return uint8(code >> 5) }

func isRequest(code codes.Code) bool { return class(code) == 0 && code != codes.Empty }

func isResponse(code codes.Code) bool {
	return slices.Contains([]uint8{2, 4, 5}, class(code))
}
