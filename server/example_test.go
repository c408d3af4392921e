package server_test

import (
	"context"
	"log"
	"sync"

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

// An operator's program asks a device, and follows what changes there.
func ExampleServer_Device() {
	ctx := context.Background()
	dir, err := server.OpenDir("/var/lib/pqcoap")
	if err != nil {
		log.Fatal(err)
	}
	srv, err := server.New(dir.Config(coap.HandlerFunc(func(context.Context, *coap.Request) *coap.Message { return nil })))
	if err != nil {
		log.Fatal(err)
	}
	go srv.ListenAndServe(ctx, ":5688")

	device := srv.Device("sensor-1")
	if device == nil {
		log.Fatal("sensor-1 is not connected")
	}
	put := coap.Message{Code: coap.PUT, Payload: []byte("30s")}
	put.Options = message.Options{{ID: message.URIPath, Value: []byte("interval")}}
	if answer, err := device.Do(ctx, put); err != nil || answer.Code != coap.Changed {
		log.Fatal(answer.Code, err)
	}
	get := coap.Message{Code: coap.GET}
	get.Options = message.Options{{ID: message.URIPath, Value: []byte("temperature")}}
	watch, err := device.Observe(ctx, get)
	if err != nil {
		log.Fatal(err)
	}
	defer watch.Cancel()
	for {
		state, err := watch.Next(ctx)
		if err != nil { // the session has ended: the device will come back with another
			log.Fatal(err)
		}
		log.Printf("%s", state.Payload)
	}
}

// A resource that devices can observe: each change goes to all who do.
func Example_observable() {
	var mu sync.Mutex
	limit, observers := "20", coap.Observers{}
	state := func() *coap.Message { return coap.Content(message.TextPlain, []byte(limit)) }

	handler := coap.HandlerFunc(func(ctx context.Context, r *coap.Request) *coap.Message {
		mu.Lock()
		defer mu.Unlock()
		switch {
		case r.Path() == "/limit" && r.Code == coap.GET:
			observers.Add(r.Observe()) // before the state is read, so that none is missed
			return state()
		case r.Path() == "/limit" && r.Code == coap.PUT:
			limit = string(r.Payload)
			observers.Notify(state())
			return coap.Status(coap.Changed)
		}
		return nil
	})
	dir, err := server.OpenDir("/var/lib/pqcoap")
	if err != nil {
		log.Fatal(err)
	}
	srv, err := server.New(dir.Config(handler))
	if err != nil {
		log.Fatal(err)
	}
	log.Fatal(srv.ListenAndServe(context.Background(), ":5688"))
}
