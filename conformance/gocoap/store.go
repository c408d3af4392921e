package gocoap

import (
	"bytes"
	"strings"
	"sync"

	"github.com/plgd-dev/go-coap/v3/message"
	"github.com/plgd-dev/go-coap/v3/message/codes"
	"github.com/plgd-dev/go-coap/v3/message/pool"
	"github.com/plgd-dev/go-coap/v3/mux"
)

// A Store is an application of a go-coap user: named things that are read, written, deleted
// and observed.
//
//	/things/{name}   GET with ETag and Observe, PUT, POST (appends), DELETE
//	/query           the queries, one a line
//	/device          asks the client's /device and passes its answer on
//	/later           returns without a response and writes one afterwards
//	/nothing         4.04 by the handler's own hand
type Store struct {
	mu        sync.Mutex
	things    map[string][]byte
	observers map[string]observer // by token
	sequence  uint32
	left      []string // tokens that came with an Observe of 1
}

type observer struct {
	conn  mux.Conn
	token message.Token
	name  string
}

// NewStore makes an empty one.
func NewStore() *Store {
	return &Store{things: make(map[string][]byte), observers: make(map[string]observer), sequence: 2}
}

// Router routes to the store.
func (s *Store) Router() *mux.Router {
	r := mux.NewRouter()
	r.HandleFunc("/things/{name}", s.thing)
	r.HandleFunc("/query", query)
	r.HandleFunc("/device", askDevice)
	r.HandleFunc("/later", later)
	r.HandleFunc("/nothing", func(w mux.ResponseWriter, _ *mux.Message) { respond(w, codes.NotFound, "no such thing") })
	return r
}

func (s *Store) thing(w mux.ResponseWriter, r *mux.Message) {
	name := r.RouteParams.Vars["name"]
	body, err := r.ReadBody()
	if err != nil {
		respond(w, codes.BadRequest, "")
		return
	}
	switch r.Code() {
	case codes.GET:
		s.get(w, r, name)
	case codes.PUT:
		respond(w, s.put(name, body), "")
	case codes.POST:
		s.mu.Lock()
		body = append(s.things[name], body...)
		s.mu.Unlock()
		s.put(name, body)
		w.SetResponse(codes.Changed, message.AppOctets, bytes.NewReader(body))
	case codes.DELETE:
		s.remove(name)
		respond(w, codes.Deleted, "")
	}
}

func (s *Store) get(w mux.ResponseWriter, r *mux.Message, name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	body, found := s.things[name]
	if !found {
		respond(w, codes.NotFound, "")
		return
	}
	etag, _ := message.GetETag(bytes.NewReader(body))
	options := message.Options{{ID: message.ETag, Value: etag}}
	switch value, err := r.Observe(); {
	case err == nil && value == 0:
		s.observers[r.Token().String()] = observer{w.Conn(), r.Token(), name}
		options = append(options, message.Option{ID: message.Observe, Value: []byte{2}})
	case err == nil && value == 1:
		delete(s.observers, r.Token().String())
		s.left = append(s.left, r.Token().String())
	}
	if known, err := r.ETag(); err == nil && bytes.Equal(known, etag) {
		w.SetResponse(codes.Valid, message.AppOctets, nil, options...)
		return
	}
	w.SetResponse(codes.Content, message.AppOctets, bytes.NewReader(body), options...)
}

func (s *Store) put(name string, body []byte) codes.Code {
	s.mu.Lock()
	_, found := s.things[name]
	s.things[name] = body
	s.mu.Unlock()
	s.notify(name, codes.Content, body)
	if found {
		return codes.Changed
	}
	return codes.Created
}

func (s *Store) remove(name string) {
	s.mu.Lock()
	delete(s.things, name)
	s.mu.Unlock()
	s.notify(name, codes.NotFound, nil)
}

// notify writes a state to all who observe a thing. Those to whom it fails are dropped.
func (s *Store) notify(name string, code codes.Code, body []byte) {
	s.mu.Lock()
	s.sequence++
	sequence := s.sequence
	var open []observer
	for _, o := range s.observers {
		if o.name == name {
			open = append(open, o)
		}
	}
	s.mu.Unlock()
	for _, o := range open {
		if err := o.write(code, body, sequence); err != nil || code != codes.Content {
			s.mu.Lock()
			delete(s.observers, o.token.String())
			s.mu.Unlock()
		}
	}
}

func (o observer) write(code codes.Code, body []byte, sequence uint32) error {
	m := o.conn.AcquireMessage(o.conn.Context())
	defer o.conn.ReleaseMessage(m)
	m.SetCode(code)
	m.SetToken(o.token)
	if code == codes.Content {
		m.SetObserve(sequence)
		m.SetContentFormat(message.AppOctets)
		m.SetBody(bytes.NewReader(body))
	}
	return o.conn.WriteMessage(m)
}

// Observers is how many there are, and how many have left by their own request.
func (s *Store) Observers() (open, left int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.observers), len(s.left)
}

func query(w mux.ResponseWriter, r *mux.Message) {
	queries, _ := r.Queries()
	respond(w, codes.Content, strings.Join(queries, "\n"))
}

func askDevice(w mux.ResponseWriter, r *mux.Message) {
	answer, err := w.Conn().Get(r.Context(), "/device")
	if err != nil {
		respond(w, codes.BadGateway, "")
		return
	}
	defer w.Conn().ReleaseMessage(answer)
	body, _ := answer.ReadBody()
	respond(w, answer.Code(), string(body))
}

func later(w mux.ResponseWriter, r *mux.Message) {
	r.Hijack() // its token is used below
	go func(c mux.Conn, r *pool.Message) {
		sendState(c, r.Token(), "later", -1) // its failure shows at the client
		c.ReleaseMessage(r)
	}(w.Conn(), r.Message)
}
