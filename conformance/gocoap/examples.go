package gocoap

import (
	"bytes"
	"fmt"
	"log"
	"time"

	"github.com/plgd-dev/go-coap/v3/message"
	"github.com/plgd-dev/go-coap/v3/message/codes"
	"github.com/plgd-dev/go-coap/v3/mux"
)

// Examples routes what go-coap's examples show. They are written as its users write them and
// know nothing of what they run over:
//
//   - simple, options, dtls/psk, dtls/cid: /a answers by SetResponse, /b by WriteMessage, behind
//     a middleware that logs. Connection IDs, the subject of dtls/cid, are in every record of ours.
//   - dtls/pki, options: /who answers with what onNewConn has put into the context; see [Identify].
//     The TCP and TLS listeners of options have no counterpart.
//   - observe: /some/path starts a goroutine that writes states until that fails.
//   - mcast: /oic/res is its handler. A session has two ends, so that there is no group to ask:
//     over pqcoap it is asked by its own address.
func Examples(interval time.Duration, logged func(line string)) *mux.Router {
	r := mux.NewRouter()
	r.Use(logging(logged))
	routes := map[string]mux.HandlerFunc{
		"/a":         handleA,
		"/b":         handleB,
		"/who":       handleWho,
		"/oic/res":   handleMulticast,
		"/some/path": periodic(interval).handle,
	}
	for path, h := range routes {
		r.HandleFunc(path, h)
	}
	return r
}

func logging(logged func(string)) mux.MiddlewareFunc {
	return func(next mux.Handler) mux.Handler {
		return mux.HandlerFunc(func(w mux.ResponseWriter, r *mux.Message) {
			path, _ := r.Path()
			logged(fmt.Sprintf("%v %v %v", w.Conn().RemoteAddr(), r.Code(), path))
			next.ServeCOAP(w, r)
		})
	}
}

// respond logs what go-coap's examples log.
func respond(w mux.ResponseWriter, code codes.Code, body string, opts ...message.Option) {
	if err := w.SetResponse(code, message.TextPlain, bytes.NewReader([]byte(body)), opts...); err != nil {
		log.Printf("cannot set response: %v", err)
	}
}

func handleA(w mux.ResponseWriter, _ *mux.Message) { respond(w, codes.Content, "hello world") }

func handleB(w mux.ResponseWriter, r *mux.Message) {
	m := w.Conn().AcquireMessage(r.Context())
	defer w.Conn().ReleaseMessage(m)
	m.SetCode(codes.Content)
	m.SetToken(r.Token())
	m.SetContentFormat(message.TextPlain)
	m.SetBody(bytes.NewReader([]byte("B hello world")))
	if err := w.Conn().WriteMessage(m); err != nil {
		log.Printf("cannot set response: %v", err)
	}
}

func handleMulticast(w mux.ResponseWriter, _ *mux.Message) {
	respond(w, codes.Content, "mcast response")
}

// WhoKey is where [Identify] puts the name of who has connected.
const WhoKey = "client-id"

// Identify is the part of onNewConn that go-coap's DTLS examples have in common.
func Identify(c mux.Conn, name string, closed func()) {
	c.SetContextValue(WhoKey, name)
	c.AddOnClose(closed)
}

func handleWho(w mux.ResponseWriter, r *mux.Message) {
	name, _ := r.Context().Value(WhoKey).(string)
	respond(w, codes.Content, name)
}

// periodic is go-coap's observe example, at an interval.
type periodic time.Duration

func (p periodic) handle(w mux.ResponseWriter, r *mux.Message) {
	obs, err := r.Options().Observe()
	switch {
	case r.Code() == codes.GET && err == nil && obs == 0:
		go p.transmit(w.Conn(), r.Token())
	case r.Code() == codes.GET:
		if err := sendState(w.Conn(), r.Token(), "now", -1); err != nil {
			log.Printf("transmitter: %v", err)
		}
	}
}

func (p periodic) transmit(c mux.Conn, token message.Token) {
	for obs := int64(2); ; obs++ {
		if sendState(c, token, fmt.Sprintf("state %d", obs-2), obs) != nil {
			return
		}
		time.Sleep(time.Duration(p))
	}
}

// sendState writes a state, with an Observe option unless obs is negative.
func sendState(c mux.Conn, token message.Token, state string, obs int64) error {
	m := c.AcquireMessage(c.Context())
	defer c.ReleaseMessage(m)
	m.SetCode(codes.Content)
	m.SetToken(token)
	m.SetBody(bytes.NewReader([]byte(state)))
	m.SetContentFormat(message.TextPlain)
	if obs >= 0 {
		m.SetObserve(uint32(obs))
	}
	return c.WriteMessage(m)
}
