package gocoap

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/plgd-dev/go-coap/v3/message/codes"
	"github.com/plgd-dev/go-coap/v3/mux"

	"github.com/pqcoap/pqcoap/coap/gocoap"
)

// A difference is a thing that backends do otherwise, each as want says.
type difference struct {
	name  string
	probe func(t *testing.T, b backend) string
	want  [3]string // in the order of backends
}

var differences = []difference{
	{"who asks, as Device and SessionID tell", probeIdentity, [3]string{"nobody", "nobody", "sensor-1 in a session"}},
	{"a write to NetConn", probeNetConn, [3]string{"done", "done", "refused"}},
	{"response with the code of a request, as some of go-coap's examples have it", probeCode, [3]string{"GET", "GET", "InternalServerError"}},
	{"AddOnClose when the client closes", probeOnClose, [3]string{"not called", "called", "called"}},
	{"the handler panics", probePanic, [3]string{"program ends", "program ends", "InternalServerError"}},
}

// TestDifferences holds each backend to the table.
func TestDifferences(t *testing.T) {
	for _, d := range differences {
		t.Run(d.name, func(t *testing.T) {
			for i, b := range backends {
				if got := d.probe(t, b); got != d.want[i] {
					t.Errorf("%s: %q, want %q", b.name, got, d.want[i])
				}
			}
		})
	}
}

// answer is what a handler says that learns something and answers 2.04 for it.
func answer(t *testing.T, b backend, learn func(w mux.ResponseWriter, r *mux.Message) string) string {
	learnt := make(chan string, 1)
	c := b.dial(t, mux.HandlerFunc(func(w mux.ResponseWriter, r *mux.Message) {
		learnt <- learn(w, r)
		respond(w, codes.Changed, "")
	}))
	get(t, c, "/", codes.Changed, "")
	return <-learnt
}

func probeIdentity(t *testing.T, b backend) string {
	return answer(t, b, func(w mux.ResponseWriter, r *mux.Message) string {
		ctx := r.Context()
		switch device, session := gocoap.Device(ctx), gocoap.SessionID(ctx); {
		case device != gocoap.Device(w.Conn().Context()) || session != gocoap.SessionID(w.Conn().Context()):
			return "two answers"
		case device == "" && session == "":
			return "nobody"
		case session == "":
			return device
		default:
			return device + " in a session"
		}
	})
}

func probeNetConn(t *testing.T, b backend) string {
	c := b.dial(t, NewStore().Router())
	_, err := c.NetConn().Write([]byte{0x40, 0, 0, 0}) // a CoAP ping
	switch {
	case c.NetConn().RemoteAddr().String() != c.RemoteAddr().String():
		return "another address"
	case errors.Is(err, gocoap.ErrNoStream):
		return "refused"
	case err != nil:
		return err.Error()
	}
	return "done"
}

func probeCode(t *testing.T, b backend) string {
	c := b.dial(t, mux.HandlerFunc(func(w mux.ResponseWriter, _ *mux.Message) { respond(w, codes.GET, "A hello world") }))
	answer, err := c.Get(guard(t), "/a")
	if err != nil {
		t.Fatal(err)
	}
	return answer.Code().String()
}

func probeOnClose(t *testing.T, b backend) string {
	called := make(chan struct{})
	dial := b.serve(t, NewStore().Router(), func(c mux.Conn) { c.AddOnClose(func() { close(called) }) })
	c := dial(t, mux.NewRouter())
	get(t, c, "/nothing", codes.NotFound, "no such thing")
	c.Close()
	wait := patience
	if b.name == "go-coap, UDP" {
		wait = 100 * time.Millisecond // nothing has been sent that would call it
	}
	select {
	case <-called:
		return "called"
	case <-time.After(wait):
		return "not called"
	}
}

// panicEnv makes the test program serve a handler that panics.
const panicEnv = "GOCOAP_PANIC"

func probePanic(t *testing.T, b backend) string {
	if b.name == "pqcoap" { // in this program, which has to go on
		return panicAnswer(t, b)
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestPanic$")
	cmd.Env = append(os.Environ(), panicEnv+"="+b.name)
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || !bytes.Contains(out, []byte("panic: as the test wants it")) {
		t.Fatalf("%v: %s", err, out)
	}
	return "program ends"
}

func panicAnswer(t *testing.T, b backend) string {
	c := b.dial(t, mux.HandlerFunc(func(mux.ResponseWriter, *mux.Message) { panic("as the test wants it") }))
	answer, err := c.Get(guard(t), "/")
	if err != nil {
		t.Fatal(err)
	}
	return answer.Code().String()
}

// TestPanic is the program that probePanic runs.
func TestPanic(t *testing.T) {
	for _, b := range backends {
		if b.name == os.Getenv(panicEnv) {
			t.Fatal("it went on: " + panicAnswer(t, b))
		}
	}
}
