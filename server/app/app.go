// Package app is the server's own application: what a device can ask a server that has no
// other application behind it. It is a [coap.Handler].
//
//	a, err := app.Open(dir)
//	srv, err := server.New(folder.Config(a))
//	defer a.Close() // after the server, whose handlers use it
//
//	GET  /.well-known/core       the resources, in link format (RFC 6690)
//	GET  /time?every=N           the server's time (RFC 3339), as text; observable
//	POST /echo                   the body, with its content format
//	POST /telemetry              readings, as SenML (RFC 8428) in JSON or CBOR
//	GET  /telemetry?last=N       the N newest of the caller's own readings; observable
//
// Who observes the time is told it every N seconds, 1 unless asked otherwise; who observes
// readings, when new ones are on the disk.
//
// A reading is confirmed with 2.04 once it is on the disk. It is kept under the name that
// the caller has proven in the handshake; who has none can use the rest.
package app

import (
	"bytes"
	"context"
	"encoding/binary"
	"path/filepath"
	"time"

	"github.com/plgd-dev/go-coap/v3/message"
	"github.com/plgd-dev/go-coap/v3/message/codes"

	"github.com/pqcoap/pqcoap/coap"
	"github.com/pqcoap/pqcoap/server/app/journal"
)

// FileName is the file of readings in the server's folder.
const FileName = "telemetry.log"

// An App is safe for concurrent use.
type App struct {
	journal *journal.Journal
	now     func() time.Time
	clock   clock
	feeds   feeds
}

// Open opens the readings in a server's folder, or begins them.
func Open(dir string) (*App, error) {
	j, err := journal.Open(filepath.Join(dir, FileName))
	if err != nil {
		return nil, err
	}
	a := &App{journal: j, now: time.Now}
	a.clock.now, a.clock.state = func() time.Time { return a.now() }, a.timeFor
	return a, nil
}

// Close waits until what has been sent is on the disk. No request may be under way.
func (a *App) Close() error {
	a.clock.close()
	return a.journal.Close()
}

// Err is why no readings can be confirmed any more, nil where they can.
func (a *App) Err() error { return a.journal.Err() }

type method func(*App, *coap.Request) *coap.Message

// resources has the methods of each path.
var resources = map[string]map[codes.Code]method{
	"/.well-known/core": {codes.GET: (*App).links},
	"/time":             {codes.GET: (*App).time},
	"/echo":             {codes.POST: (*App).echo},
	"/telemetry":        {codes.GET: (*App).readings, codes.POST: (*App).record},
}

// ServeCoAP answers one request.
func (a *App) ServeCoAP(_ context.Context, r *coap.Request) *coap.Message {
	methods, ok := resources[r.Path()]
	if !ok {
		return status(codes.NotFound, "")
	}
	serve, ok := methods[r.Code]
	switch {
	case !ok:
		return status(codes.MethodNotAllowed, "")
	case !understood(r):
		return status(codes.BadOption, "")
	}
	return serve(a, r)
}

// understood is false where a critical option, one with an odd number, is not known here
// (RFC 7252 section 5.4.1).
func understood(r *coap.Request) bool {
	for _, o := range r.Options {
		switch o.ID {
		case message.URIHost, message.URIPort, message.URIPath, message.URIQuery,
			message.Accept, message.Block1, message.Block2:
		default:
			if o.ID%2 == 1 {
				return false
			}
		}
	}
	return true
}

// format gives the content format that an option names, if the request has it.
func format(r *coap.Request, id message.OptionID) (message.MediaType, bool) {
	for _, o := range r.Options {
		if o.ID != id {
			continue
		}
		n := 0
		for _, b := range o.Value { // at most two bytes, which the engine has checked
			n = n<<8 | int(b)
		}
		return message.MediaType(n), true
	}
	return 0, false
}

// accepts says whether the caller takes this format.
func accepts(r *coap.Request, f message.MediaType) bool {
	want, ok := format(r, message.Accept)
	return !ok || want == f
}

// content is a 2.05 that no cache may keep (RFC 7252 section 5.10.5).
func content(f message.MediaType, body []byte) *coap.Message { return lasting(0, f, body) }

// lasting is a 2.05 that is good for some whole seconds. To an observer Max-Age says when the
// next notification is due at the latest (RFC 7641 section 4.3.1).
func lasting(age time.Duration, f message.MediaType, body []byte) *coap.Message {
	m := coap.Content(f, body)
	seconds := binary.BigEndian.AppendUint32(nil, uint32(age/time.Second))
	m.Options = append(m.Options, message.Option{ID: message.MaxAge, Value: bytes.TrimLeft(seconds, "\x00")})
	return m
}

// status is an answer without content; the text is for who debugs the caller
// (RFC 7252 section 5.5.2).
func status(code codes.Code, text string) *coap.Message {
	return &coap.Message{Code: code, Payload: []byte(text)}
}

// echo gives the body back with its content format, or without where it came without.
func (a *App) echo(r *coap.Request) *coap.Message {
	f, ok := format(r, message.ContentFormat)
	if want, asked := format(r, message.Accept); asked && (!ok || want != f) {
		return status(codes.NotAcceptable, "")
	}
	m := &coap.Message{Code: codes.Changed}
	if ok {
		m.Options = coap.Content(f, nil).Options
	}
	m.Payload = r.Payload
	return m
}
