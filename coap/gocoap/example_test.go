package gocoap_test

import (
	"bytes"
	"context"
	"fmt"
	"log"

	"github.com/plgd-dev/go-coap/v3/message"
	"github.com/plgd-dev/go-coap/v3/message/codes"
	"github.com/plgd-dev/go-coap/v3/message/pool"
	"github.com/plgd-dev/go-coap/v3/mux"

	"github.com/pqcoap/pqcoap/coap/gocoap"
	"github.com/pqcoap/pqcoap/node"
	"github.com/pqcoap/pqcoap/server"
)

func ExampleHandler() {
	r := mux.NewRouter()
	r.HandleFunc("/hello", func(w mux.ResponseWriter, r *mux.Message) {
		greeting := "hello " + gocoap.Device(r.Context())
		if err := w.SetResponse(codes.Content, message.TextPlain, bytes.NewReader([]byte(greeting))); err != nil {
			log.Printf("response: %v", err)
		}
	})
	log.Fatal(server.ListenAndServe(":5688", "/var/lib/pqcoap", gocoap.Handler(r)))
}

func ExampleConn() {
	ctx := context.Background()
	conn, err := node.DialFile(ctx, "sensor-1.toml")
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close()
	observation, err := gocoap.Conn(conn).Observe(ctx, "/time", func(m *pool.Message) { fmt.Println(m) })
	if err != nil {
		log.Fatal(err)
	}
	defer observation.Cancel(ctx)
}
