package server

import (
	"bytes"
	"context"
	"errors"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	"github.com/plgd-dev/go-coap/v3/message"
	"github.com/plgd-dev/go-coap/v3/message/codes"

	"github.com/pqcoap/pqcoap/coap"
	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/server/registry"
	"github.com/pqcoap/pqcoap/server/upstream"
)

// An open application is reached in every way that there is. It counts.
type open struct {
	asked, streamed atomic.Int32
	observed        atomic.Pointer[coap.Observation]
}

func (o *open) ServeCoAP(_ context.Context, r *coap.Request) *coap.Message {
	o.asked.Add(1)
	if r.Body != nil {
		o.streamed.Add(1)
	}
	if one := r.Observe(); one != nil {
		o.observed.Store(&one)
	}
	return &coap.Message{Code: coap.ContentCode, Payload: []byte("in")}
}

func (o *open) Streams(m *coap.Message) int {
	if m.Code == coap.PUT {
		return 1 << 20
	}
	return 0
}

// permitted has the bench serve a folder in which the device "a" has some rules.
func (w *bench) permitted(t *testing.T, settings string, h coap.Handler, groups, allow []string) *Dir {
	t.Helper()
	w.server.Close()
	<-w.done
	d := fleetDir(t)
	d.Settings = parsed(t, settings)
	d.read = d.Settings
	_, key := testKeys()
	device := registry.Device{Name: "a", Suite: handshake.MLKEM512, PublicKey: key.Public(), Groups: groups, Allow: allow, Enrolled: time.Now()}
	if err := d.Devices.Enroll(device); err != nil {
		t.Fatal(err)
	}
	w.serve(d, h)
	return d
}

var observe = message.Option{ID: message.Observe}

// Each way into an application is closed by the rules of a device, and open where they say so.
func TestPermissions(t *testing.T) {
	large := bytes.Repeat([]byte("x"), 5000)
	uri := func(id message.OptionID, value string) message.Option {
		return message.Option{ID: id, Value: []byte(value)}
	}
	onBench(t, func(t *testing.T, w *bench) {
		app := &open{}
		w.permitted(t, "[group.meters]\nallow = [\"GET /a\", \"POST,PUT /a/*\"]\n", app, []string{"meters"}, []string{"FETCH /own"})
		d := w.connect(nil) // GET /x, which is not among them
		for name, test := range map[string]struct {
			code    coap.Code
			uri     string
			payload []byte
			more    []message.Option
			want    coap.Code
		}{
			"allowed":                        {coap.GET, "/a", nil, nil, coap.ContentCode},
			"the device's own":               {coap.FETCH, "/own", []byte("x"), nil, coap.ContentCode},
			"block-wise":                     {coap.POST, "/a/b", large, nil, coap.ContentCode},
			"streamed":                       {coap.PUT, "/a/b", large, nil, coap.ContentCode},
			"method":                         {coap.DELETE, "/a", nil, nil, coap.Forbidden},
			"path":                           {coap.GET, "/b", nil, nil, coap.Forbidden},
			"below":                          {coap.GET, "/a/b", nil, nil, coap.Forbidden},
			"block-wise, not allowed":        {coap.POST, "/b", large, nil, coap.Forbidden},
			"streamed, not allowed":          {coap.PUT, "/b", large, nil, coap.Forbidden},
			"observe, not allowed":           {coap.GET, "/b", nil, []message.Option{observe}, coap.Forbidden},
			"discovery":                      {coap.GET, "/.well-known/core", nil, nil, coap.Forbidden},
			"Uri-Host of an allowed path":    {coap.GET, "/b", nil, []message.Option{uri(message.URIHost, "a")}, coap.Forbidden},
			"Proxy-Uri to a path not so":     {coap.GET, "/a", nil, []message.Option{uri(message.ProxyURI, "coap://x/b")}, codes.ProxyingNotSupported},
			"Proxy-Scheme":                   {coap.GET, "/a", nil, []message.Option{uri(message.ProxyScheme, "coap")}, codes.ProxyingNotSupported},
			"a slash within":                 {coap.GET, "/a%2Fb", nil, nil, coap.Forbidden},
			"the server's key, whatever":     {coap.GET, "/hs?s=3", nil, nil, coap.ContentCode},
			"in capitals":                    {coap.GET, "/A", nil, nil, coap.Forbidden},
			"an empty segment behind":        {coap.GET, "/a/", nil, nil, coap.Forbidden},
			"an empty segment below a wild.": {coap.POST, "/a/", nil, nil, coap.ContentCode},
		} {
			before := app.asked.Load()
			m := d.ask(test.code, test.uri, test.payload, test.more...)
			reached := app.asked.Load() != before
			if m.Code != test.want || reached != (test.want == coap.ContentCode && string(m.Payload) == "in") {
				t.Errorf("%s: %v, the application reached: %v; want %v", name, m.Code, reached, test.want)
			}
		}
		if app.streamed.Load() != 1 {
			t.Errorf("%d bodies streamed", app.streamed.Load())
		}
		d.close()
	})
}

// What goes to an upstream is held to the rules before a socket is opened for it.
func TestPermissionsUpstream(t *testing.T) {
	onBench(t, func(t *testing.T, w *bench) {
		dialled := 0
		h, err := upstream.New(t.Context(), upstream.Config{
			Routes: []upstream.Route{{Path: "/up", Upstream: "coap://127.0.0.1:5683"}}, BuiltIn: &open{},
			Dial: func(netip.AddrPort) (upstream.PacketConn, error) {
				dialled++
				return nil, errors.New("no network here")
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		w.permitted(t, "", h, nil, []string{"GET /up/a"})
		d := w.connect(nil)
		d.wantCode(coap.Forbidden, coap.GET, "/up/b", nil)
		d.wantCode(coap.Forbidden, coap.GET, "/up/b", nil, observe)
		d.wantCode(codes.ProxyingNotSupported, coap.GET, "/up/a", nil, message.Option{ID: message.ProxyURI, Value: []byte("coap://127.0.0.1/up/b")})
		if dialled != 0 {
			t.Error("the upstream was asked")
		}
		if m := d.ask(coap.GET, "/up/a", nil); m.Code == coap.Forbidden || dialled == 0 {
			t.Errorf("what is allowed: %v, dialled %d times", m.Code, dialled)
		}
		d.close()
		h.Close()
	})
}

// Rules that change are those of sessions that are open, within a second, and end what is observed.
func TestPermissionsChange(t *testing.T) {
	for name, change := range map[string]func(s *Server, d *Dir) error{
		"device": func(_ *Server, d *Dir) error { return d.Devices.Permit("a", nil, []string{"GET /b"}) },
		"group": func(s *Server, d *Dir) error {
			next, err := ParseSettings([]byte("[group.meters]\nallow = [\"GET /b\"]\n"))
			if err == nil {
				_, _, err = s.Reload(next)
			}
			return err
		},
	} {
		onBench(t, func(t *testing.T, w *bench) {
			app := &open{}
			folder := w.permitted(t, "[group.meters]\nallow = [\"GET /a\", \"GET /b\"]\n", app, []string{"meters"}, nil)
			d := w.connect(nil)
			d.wantCode(coap.ContentCode, coap.GET, "/b", nil, observe)
			kept := *app.observed.Load()
			d.wantCode(coap.ContentCode, coap.GET, "/a", nil, observe)
			lost := *app.observed.Load()
			if err := change(w.server, folder); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
			d.wantCode(coap.Forbidden, coap.GET, "/a", nil)
			d.wantCode(coap.ContentCode, coap.GET, "/b", nil)
			d.mu.Lock()
			noted := len(d.noted)
			last := coap.Message{}
			if noted > 0 {
				last = d.noted[noted-1]
			}
			d.mu.Unlock()
			select {
			case <-kept.Done():
				t.Errorf("%s: what is allowed has ended", name)
			default:
			}
			select {
			case <-lost.Done():
			default:
				t.Errorf("%s: what is not allowed goes on", name)
			}
			if noted != 1 || last.Code != coap.Forbidden {
				t.Errorf("%s: %d notifications, the last %v", name, noted, last.Code)
			}
			d.close()
		})
	}
}

func TestPermit(t *testing.T) {
	s := parsed(t, "[group.a]\nallow = [\"GET /a\"]\n[group.default]\nallow = [\"GET /d\"]\n")
	anonymous := parsed(t, "[group.anonymous]\nallow = [\"GET /n\"]\n[group.default]\nallow = [\"GET /d\"]\n")
	none := parsed(t, "")
	for name, test := range map[string]struct {
		settings Settings
		device   string
		groups   []string
		allow    []string
		may, not string
	}{
		"group":                       {s, "x", []string{"a"}, nil, "a", "d"},
		"no group":                    {s, "x", nil, nil, "d", "a"},
		"no group, own rules":         {s, "x", nil, []string{"GET /o"}, "o", "a"},
		"own rules besides default":   {s, "x", nil, []string{"GET /o"}, "d", "a"},
		"nothing written":             {none, "x", nil, nil, "a", ""},
		"nothing written, own rules":  {none, "x", nil, []string{"GET /o"}, "o", "a"},
		"a group that is not written": {none, "x", []string{"b"}, []string{"GET /o"}, "o", "a"},
		"no name":                     {s, "", nil, nil, "d", "a"},
		"no name, nothing written":    {none, "", nil, nil, "a", ""},
		"no name, a group for that":   {anonymous, "", nil, nil, "n", "d"},
		"a name, a group for none":    {anonymous, "x", nil, nil, "d", "n"},
	} {
		p := test.settings.permit(test.device, test.groups, test.allow)
		get := func(path string) bool {
			return p.allows(&coap.Message{Code: coap.GET, Options: message.Options{{ID: message.URIPath, Value: []byte(path)}}})
		}
		if !get(test.may) || test.not != "" && get(test.not) {
			t.Errorf("%s: GET /%s %v, GET /%s %v", name, test.may, get(test.may), test.not, get(test.not))
		}
	}
	if _, err := ParseSettings([]byte("[group.a]\nallow = [\"GET a\"]\n")); !errors.Is(err, ErrDir) {
		t.Errorf("a rule that is none: %v", err)
	}
}

// What is remembered is bounded, and is not used when anything has changed.
func TestPermitsRemembered(t *testing.T) {
	d := fleetDir(t)
	if err := d.Devices.Enroll(another("b")); err != nil {
		t.Fatal(err)
	}
	if p, err := d.permit("b"); err != nil || !p.all {
		t.Errorf("%+v, %v", p, err)
	}
	for i := range maxPermits {
		d.permits.known[string(rune(i))+"/"] = permit{}
	}
	d.permits.known["b"] = permit{all: true}
	if err := d.Devices.Permit("b", nil, []string{"GET /a"}); err != nil {
		t.Fatal(err)
	}
	if p, err := d.permit("b"); err != nil || p.all || len(d.permits.known) != 1 {
		t.Errorf("%+v, %v, %d remembered", p, err, len(d.permits.known))
	}
	if _, err := d.permit("nobody"); !errors.Is(err, registry.ErrUnknown) {
		t.Errorf("nobody: %v", err)
	}
}
