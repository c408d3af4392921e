// A client as go-coap's simple example has it.
package main

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/pqcoap/pqcoap/coap/gocoap"
	"github.com/pqcoap/pqcoap/node"
)

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	conn, err := node.DialFile(ctx, "sensor-1.toml")
	if err != nil {
		log.Fatalf("Error dialing: %v", err)
	}
	co := gocoap.Conn(conn)
	resp, err := co.Get(ctx, "/a")
	if err != nil {
		log.Fatalf("Error sending request: %v", err)
	}
	body, err := resp.ReadBody()
	fmt.Printf("%v %s %v\n", resp.Code(), body, err)
	co.Close()
}
