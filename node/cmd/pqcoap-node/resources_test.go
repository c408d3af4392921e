package main

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/plgd-dev/go-coap/v3/message"

	"github.com/pqcoap/pqcoap/coap"
)

func (s *resources) do(code coap.Code, path, body string, options ...message.Option) *coap.Message {
	r := &coap.Request{Message: coap.Message{Code: code, Payload: []byte(body)}}
	for _, segment := range strings.Split(strings.TrimPrefix(path, "/"), "/") {
		r.Options = append(r.Options, message.Option{ID: message.URIPath, Value: []byte(segment)})
	}
	r.Options = append(r.Options, options...)
	return s.ServeCoAP(context.Background(), r)
}

func TestResources(t *testing.T) {
	s := &resources{interval: newInterval(90 * time.Second)}
	for _, tt := range []struct {
		code coap.Code
		path string
		want coap.Code
		body string
	}{
		{coap.GET, "/.well-known/core", coap.ContentCode, links},
		{coap.GET, "/temperature", coap.NotFound, ""},
		{coap.GET, "/interval", coap.ContentCode, "1m30s"},
		{coap.GET, "/nothing", coap.NotFound, ""},
		{coap.PUT, "/temperature", coap.MethodNotAllowed, ""},
		{coap.POST, "/interval", coap.MethodNotAllowed, ""},
		{coap.DELETE, "/.well-known/core", coap.MethodNotAllowed, ""},
	} {
		if m := s.do(tt.code, tt.path, ""); m.Code != tt.want || string(m.Payload) != tt.body {
			t.Errorf("%v %s: %v %q", tt.code, tt.path, m.Code, m.Payload)
		}
	}
	s.took(reading{celsius: 20.0625})
	m := s.do(coap.GET, "/temperature", "")
	if age, err := m.Options.GetUint32(message.MaxAge); m.Code != coap.ContentCode || string(m.Payload) != "20.0625" || age != 90 || err != nil {
		t.Errorf("temperature: %v %q, good for %d s, %v", m.Code, m.Payload, age, err)
	}
}

func TestPutInterval(t *testing.T) {
	s := &resources{interval: newInterval(10 * time.Second)}
	for body, want := range map[string]coap.Code{
		"1s": coap.Changed, "24h": coap.Changed, "1h30m": coap.Changed,
		"999ms": coap.BadRequest, "24h1ns": coap.BadRequest, "-1s": coap.BadRequest, "0s": coap.BadRequest,
		"": coap.BadRequest, "10": coap.BadRequest, "soon": coap.BadRequest,
		strings.Repeat("0", 40) + "5s": coap.BadRequest, "1" + strings.Repeat("0", 400) + "h": coap.BadRequest,
	} {
		before := s.interval.get()
		m := s.do(coap.PUT, "/interval", body)
		if m.Code != want {
			t.Errorf("%.20q: %v, want %v", body, m.Code, want)
		}
		if changed := s.interval.get() != before; changed != (want == coap.Changed) && body != before.String() {
			t.Errorf("%.20q: the interval is %v behind %v", body, s.interval.get(), before)
		}
	}
	cbor := message.Option{ID: message.ContentFormat, Value: []byte{60}}
	if m := s.do(coap.PUT, "/interval", "10s", cbor); m.Code != coap.UnsupportedMediaType {
		t.Errorf("as CBOR: %v", m.Code)
	}
}

// An observation takes what it is told.
type observation struct{ told []string }

func (o *observation) Notify(m *coap.Message) error {
	o.told = append(o.told, string(m.Payload))
	return nil
}
func (o *observation) Done() <-chan struct{} { return nil }
func (o *observation) Close()                {}

func TestTemperatureObserved(t *testing.T) {
	s := &resources{interval: newInterval(time.Second)}
	o := new(observation)
	r := &coap.Request{
		Message:  coap.Message{Code: coap.GET, Options: message.Options{{ID: message.URIPath, Value: []byte("temperature")}}},
		Register: func() coap.Observation { return o },
	}
	if m := s.ServeCoAP(context.Background(), r); m.Code != coap.NotFound || s.observers.Len() != 0 {
		t.Errorf("before the first reading: %v, %d observers", m.Code, s.observers.Len())
	}
	s.took(reading{celsius: 1})
	if m := s.ServeCoAP(context.Background(), r); string(m.Payload) != "1" {
		t.Errorf("the first state is %q", m.Payload)
	}
	s.took(reading{celsius: 2})
	s.took(reading{celsius: 2.5})
	if got := strings.Join(o.told, " "); got != "2 2.5" {
		t.Errorf("told %q", got)
	}
}
