package node_test

import (
	"context"
	"fmt"
	"log"

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
