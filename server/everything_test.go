package server

import (
	"context"

	"github.com/pqcoap/pqcoap/coap"
)

// everything is an application that answers whatever it is asked.
func everything(context.Context, *coap.Request) *coap.Message {
	return &coap.Message{Code: coap.ContentCode, Payload: []byte("all")}
}
