// A server as go-coap's simple example has it.
package main

import (
	"bytes"
	"log"

	"github.com/plgd-dev/go-coap/v3/message"
	"github.com/plgd-dev/go-coap/v3/message/codes"
	"github.com/plgd-dev/go-coap/v3/mux"
	"github.com/pqcoap/pqcoap/coap/gocoap"
	"github.com/pqcoap/pqcoap/server"
)

func handleA(w mux.ResponseWriter, _ *mux.Message) {
	err := w.SetResponse(codes.Content, message.TextPlain, bytes.NewReader([]byte("hello world")))
	if err != nil {
		log.Printf("cannot set response: %v", err)
	}
}

func main() {
	r := mux.NewRouter()
	r.Handle("/a", mux.HandlerFunc(handleA))
	log.Fatal(server.ListenAndServe(":5688", "/var/lib/pqcoap", gocoap.Handler(r)))
}
