package interop

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/plgd-dev/go-coap/v3/message"
	"github.com/plgd-dev/go-coap/v3/message/codes"
	"github.com/plgd-dev/go-coap/v3/message/pool"
	"github.com/plgd-dev/go-coap/v3/mux"
	coapnet "github.com/plgd-dev/go-coap/v3/net"
	"github.com/plgd-dev/go-coap/v3/net/blockwise"
	"github.com/plgd-dev/go-coap/v3/options"
	"github.com/plgd-dev/go-coap/v3/udp"
)

// A goStore is a server made with go-coap that does what server.js does: it keeps what is PUT
// under any path.
type goStore struct {
	log *transcript

	mu        sync.Mutex
	bodies    map[string][]byte
	observers map[string]map[string]*goObserver // by path and token
}

type goObserver struct {
	conn  mux.Conn
	token message.Token
	seq   uint32
}

// slowly is how late /slow answers: it has to be more than the upstream's client waits.
const slowly = 300 * time.Millisecond

// startGoServer starts it on a port of the kernel's choice.
func startGoServer(t *testing.T) (addr string, s *goStore) {
	t.Helper()
	s = &goStore{log: newTranscript(), bodies: map[string][]byte{}, observers: map[string]map[string]*goObserver{}}
	socket, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	listener := coapnet.NewUDPConn("udp4", socket)
	server := udp.NewServer(
		options.WithMux(mux.HandlerFunc(s.serve)),
		options.WithBlockwise(true, blockwise.SZX1024, patience),
		options.WithPeriodicRunner(often),
		options.WithErrors(func(err error) { fmt.Fprintln(s.log, "error:", err) }),
	)
	var ended sync.WaitGroup
	ended.Go(func() { server.Serve(listener) })
	t.Cleanup(func() {
		server.Stop()
		socket.Close()
		ended.Wait()
		if t.Failed() {
			t.Logf("go-coap's server:\n%s", tail(s.log.String()))
		}
	})
	return socket.LocalAddr().String(), s
}

// serve answers one request.
func (s *goStore) serve(w mux.ResponseWriter, r *mux.Message) {
	path, _ := r.Path()
	body, err := r.ReadBody()
	seq, observe := r.Observe()
	fmt.Fprintf(s.log, "%v %s observe %d %v, %d bytes, %v, %v\n", r.Code(), path, seq, observe == nil, len(body), err, r.Options())
	switch {
	case path == "/slow":
		time.Sleep(slowly)
		w.SetResponse(codes.Content, message.TextPlain, bytes.NewReader([]byte("late")))
	case path == "/options":
		w.SetResponse(codes.Content, message.TextPlain, bytes.NewReader(optionsText(r.Options())))
	case r.Code() == codes.GET:
		s.get(w, r, path)
	case r.Code() == codes.POST:
		w.SetResponse(codes.Changed, message.TextPlain, bytes.NewReader(body))
	case r.Code() == codes.PUT:
		s.put(w, path, body)
	case r.Code() == codes.DELETE:
		s.mu.Lock()
		delete(s.bodies, path)
		s.mu.Unlock()
		w.SetResponse(codes.Deleted, message.TextPlain, nil)
	case r.Code() == goMethods["fetch"]:
		w.SetResponse(codes.Content, message.TextPlain, bytes.NewReader(append(body, s.body(path)...)))
	case r.Code() == goMethods["patch"], r.Code() == goMethods["ipatch"]:
		s.put(w, path, append(s.body(path), body...))
	default:
		w.SetResponse(codes.MethodNotAllowed, message.TextPlain, nil)
	}
}

// body is a copy of what is kept under a path.
func (s *goStore) body(path string) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return bytes.Clone(s.bodies[path])
}

// optionsText lists options by their numbers and values.
func optionsText(all message.Options) []byte {
	var b bytes.Buffer
	for _, o := range all {
		fmt.Fprintf(&b, "%d=%x ", o.ID, o.Value)
	}
	return b.Bytes()
}

func (s *goStore) get(w mux.ResponseWriter, r *mux.Message, path string) {
	s.mu.Lock()
	body, found := s.bodies[path]
	register, err := r.Observe()
	token := string(r.Token())
	var seq uint32
	switch {
	case err != nil || !found:
	case register == 0:
		if s.observers[path] == nil {
			s.observers[path] = map[string]*goObserver{}
		}
		seq = 1
		s.observers[path][token] = &goObserver{w.Conn(), r.Token(), seq}
		fmt.Fprintf(s.log, "observed %s by %d\n", path, len(s.observers[path]))
	case register == 1:
		delete(s.observers[path], token)
		fmt.Fprintf(s.log, "no longer observed %s, by %d\n", path, len(s.observers[path]))
	}
	s.mu.Unlock()
	if !found {
		w.SetResponse(codes.NotFound, message.TextPlain, nil)
		return
	}
	etag := etagOf(body)
	if had, err := r.Options().GetBytes(message.ETag); err == nil && bytes.Equal(had, etag) {
		w.SetResponse(codes.Valid, message.TextPlain, nil, message.Option{ID: message.ETag, Value: etag})
		return
	}
	w.SetResponse(codes.Content, message.TextPlain, bytes.NewReader(body), message.Option{ID: message.ETag, Value: etag})
	if seq > 0 {
		w.Message().SetObserve(seq)
	}
}

func etagOf(body []byte) []byte {
	sum := sha256.Sum256(body)
	return sum[:4]
}

func (s *goStore) put(w mux.ResponseWriter, path string, body []byte) {
	s.mu.Lock()
	_, found := s.bodies[path]
	s.bodies[path] = body
	var all []goObserver
	for _, o := range s.observers[path] {
		o.seq++
		all = append(all, *o)
	}
	s.mu.Unlock()
	code := codes.Created
	if found {
		code = codes.Changed
	}
	w.SetResponse(code, message.TextPlain, nil)
	for _, o := range all {
		// Not from here: what a handler sends waits for an acknowledgement.
		go notify(o, body)
	}
}

func notify(o goObserver, body []byte) {
	m := o.conn.AcquireMessage(o.conn.Context())
	defer o.conn.ReleaseMessage(m)
	fill(m, o, body)
	o.conn.WriteMessage(m)
}

func fill(m *pool.Message, o goObserver, body []byte) {
	m.SetCode(codes.Content)
	m.SetToken(o.token)
	m.SetObserve(o.seq)
	m.SetContentFormat(message.TextPlain)
	m.SetETag(etagOf(body))
	m.SetBody(bytes.NewReader(body))
}
