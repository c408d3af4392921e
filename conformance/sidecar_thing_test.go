package conformance

import (
	"context"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/plgd-dev/go-coap/v3/message"

	"github.com/pqcoap/pqcoap/coap"
)

// A thing is a plain program with resources that can be put, got, deleted and observed. What
// is asked of /asked is the text of the options that have come.
type thing struct {
	mu        sync.Mutex
	states    map[string][]byte
	observers map[string]*coap.Observers
	clients   map[netip.AddrPort]bool
	peers     []coap.Peer // who has asked, newest last
	calls     int
	slow      time.Duration
}

func newThing() *thing {
	return &thing{
		states: make(map[string][]byte), observers: make(map[string]*coap.Observers), clients: make(map[netip.AddrPort]bool),
	}
}

// forget loses the observers, as a program does that is started anew.
func (a *thing) forget() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.observers = make(map[string]*coap.Observers)
}

// delay has each answer take some time.
func (a *thing) delay(d time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.slow = d
}

func (a *thing) ServeCoAP(_ context.Context, r *coap.Request) *coap.Message {
	a.mu.Lock()
	slow := a.slow
	a.mu.Unlock()
	time.Sleep(slow)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.calls++
	a.clients[r.Remote] = true
	a.peers = append(a.peers, r.Peer)
	path := r.Path()
	if path == "/asked" {
		return coap.Content(message.TextPlain, []byte(asked(r)))
	}
	switch r.Code {
	case coap.PUT, coap.POST, coap.PATCH, coap.IPATCH:
		a.put(path, r.Payload)
		return coap.Status(coap.Changed)
	case coap.DELETE:
		delete(a.states, path)
		if set := a.observers[path]; set != nil {
			set.Notify(coap.Status(coap.NotFound))
		}
		return coap.Status(coap.Deleted)
	}
	state, found := a.states[path]
	if !found {
		return coap.Status(coap.NotFound)
	}
	if a.observers[path] == nil {
		a.observers[path] = new(coap.Observers)
	}
	a.observers[path].Add(r.Observe())
	return coap.Content(message.AppOctets, state)
}

func (a *thing) put(path string, state []byte) {
	a.states[path] = state
	if set := a.observers[path]; set != nil {
		set.Notify(coap.Content(message.AppOctets, state))
	}
}

// set changes a resource as the program itself does.
func (a *thing) set(path, state string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.put(path, []byte(state))
}

func (a *thing) observed(path string) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	if set := a.observers[path]; set != nil {
		return set.Len()
	}
	return 0
}

// newest is who has asked last.
func (a *thing) newest() coap.Peer {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.peers[len(a.peers)-1]
}

func (a *thing) count() (calls, clients int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.calls, len(a.clients)
}

// asked is method, queries and private options of a request.
func asked(r *coap.Request) string {
	text := []string{r.Code.String()}
	for _, o := range r.Options {
		switch {
		case o.ID == message.URIQuery:
			text = append(text, "?"+string(o.Value))
		case o.ID >= 2048:
			text = append(text, "!"+string(o.Value))
		}
	}
	return strings.Join(text, " ")
}
