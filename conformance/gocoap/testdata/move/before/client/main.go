// A client as go-coap's simple example has it.
package main

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/plgd-dev/go-coap/v3/udp"
)

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	co, err := udp.Dial("localhost:5688")
	if err != nil {
		log.Fatalf("Error dialing: %v", err)
	}
	resp, err := co.Get(ctx, "/a")
	if err != nil {
		log.Fatalf("Error sending request: %v", err)
	}
	body, err := resp.ReadBody()
	fmt.Printf("%v %s %v\n", resp.Code(), body, err)
	co.Close()
}
