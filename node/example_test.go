package node_test

import (
	"context"
	"fmt"
	"log"

	"github.com/plgd-dev/go-coap/v3/message"

	"github.com/pqcoap/pqcoap/coap"
	"github.com/pqcoap/pqcoap/node"
)

func Example() {
	ctx := context.Background()
	cfg, err := node.LoadConfig("sensor-1.toml")
	if err != nil {
		log.Fatal(err)
	}
	conn, err := node.Dial(ctx, "", cfg)
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close()
	answer, err := conn.Get(ctx, "/time")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s\n", answer.Payload)
}

// A device follows a resource of its server's. Sessions come and go behind it.
func ExampleConn_Watch() {
	ctx := context.Background()
	cfg, err := node.LoadConfig("sensor-1.toml")
	if err != nil {
		log.Fatal(err)
	}
	conn, err := node.Dial(ctx, "", cfg)
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close()
	watch, err := conn.Watch(ctx, "/time?every=10")
	if err != nil {
		log.Fatal(err)
	}
	defer watch.Cancel()
	for {
		state, err := watch.Next(ctx)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%s\n", state.Payload)
	}
}

// A device that its server can ask, while a session is open.
func ExampleConfig_handler() {
	ctx := context.Background()
	cfg, err := node.LoadConfig("sensor-1.toml")
	if err != nil {
		log.Fatal(err)
	}
	cfg.Handler = coap.HandlerFunc(func(ctx context.Context, r *coap.Request) *coap.Message {
		if r.Path() != "/temperature" || r.Code != coap.GET {
			return nil // 4.04
		}
		return coap.Content(message.TextPlain, []byte("21.5"))
	})
	conn, err := node.Dial(ctx, "", cfg)
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close()
	if err := conn.Ping(ctx); err != nil { // the server has the session from here on
		log.Fatal(err)
	}
	<-conn.Done()
}
