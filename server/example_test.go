package server_test

import (
	"context"
	"log"

	"github.com/plgd-dev/go-coap/v3/message"

	"github.com/pqcoap/pqcoap/coap"
	"github.com/pqcoap/pqcoap/server"
)

func Example() {
	ctx := context.Background()
	dir, err := server.OpenDir("/var/lib/pqcoap")
	if err != nil {
		log.Fatal(err)
	}
	hello := coap.HandlerFunc(func(ctx context.Context, r *coap.Request) *coap.Message {
		return coap.Content(message.TextPlain, []byte("hello "+r.Device))
	})
	srv, err := server.New(dir.Config(hello))
	if err != nil {
		log.Fatal(err)
	}
	log.Fatal(srv.ListenAndServe(ctx, ":5688"))
}
