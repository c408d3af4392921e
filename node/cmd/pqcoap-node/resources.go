package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"strconv"
	"sync"
	"time"

	"github.com/plgd-dev/go-coap/v3/message"

	"github.com/pqcoap/pqcoap/coap"
)

// links are what a server finds on the device (RFC 6690; obs: RFC 7641 section 6).
const links = `</temperature>;rt="pqcoap.temperature";ct="0";obs,</interval>;rt="pqcoap.interval";ct="0"`

// resources are what the device serves to its server:
//
//	GET       /.well-known/core   the resources
//	GET       /temperature        the last reading, in degrees Celsius, as text; observable
//	GET, PUT  /interval           the time from one reading to the next, as text: 10s, 1h30m
type resources struct {
	interval *interval

	mu        sync.Mutex // also: states go out in their order
	last      *reading
	observers coap.Observers
}

// took tells who observes of a new reading.
func (s *resources) took(r reading) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last = &r
	s.observers.Notify(s.state())
}

// state is the response to a GET of the temperature. The caller holds the lock.
func (s *resources) state() *coap.Message {
	if s.last == nil {
		return coap.Status(coap.NotFound)
	}
	m := text(strconv.FormatFloat(s.last.celsius, 'f', -1, 64))
	seconds := (s.interval.get() + time.Second - 1) / time.Second // until the next, at most
	age := binary.BigEndian.AppendUint32(nil, uint32(seconds))
	m.Options = append(m.Options, message.Option{ID: message.MaxAge, Value: bytes.TrimLeft(age, "\x00")})
	return m
}

func text(s string) *coap.Message { return coap.Content(message.TextPlain, []byte(s)) }

// ServeCoAP implements coap.Handler.
func (s *resources) ServeCoAP(_ context.Context, r *coap.Request) *coap.Message {
	path, get := r.Path(), r.Code == coap.GET
	switch {
	case path != "/.well-known/core" && path != "/temperature" && path != "/interval":
		return coap.Status(coap.NotFound)
	case path == "/interval" && r.Code == coap.PUT:
		return s.putInterval(r)
	case !get:
		return coap.Status(coap.MethodNotAllowed)
	case path == "/interval":
		return text(s.interval.get().String())
	case path == "/temperature":
		return s.getTemperature(r)
	}
	return coap.Content(message.AppLinkFormat, []byte(links))
}

func (s *resources) getTemperature(r *coap.Request) *coap.Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.last != nil {
		s.observers.Add(r.Observe())
	}
	return s.state()
}

// maxIntervalText holds the longest interval.
const maxIntervalText = 32

func (s *resources) putInterval(r *coap.Request) *coap.Message {
	if f, err := r.Options.ContentFormat(); err == nil && f != message.TextPlain {
		return coap.Status(coap.UnsupportedMediaType)
	}
	d, err := time.ParseDuration(string(r.Payload[:min(len(r.Payload), maxIntervalText+1)]))
	if err != nil || len(r.Payload) > maxIntervalText || d < leastInterval || d > mostInterval {
		return &coap.Message{Code: coap.BadRequest, Payload: []byte("want a time from 1s to 24h")}
	}
	s.interval.set(d)
	return coap.Status(coap.Changed)
}
