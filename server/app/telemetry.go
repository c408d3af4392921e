package app

import (
	"errors"
	"log/slog"
	"strconv"
	"time"

	"github.com/plgd-dev/go-coap/v3/message"
	"github.com/plgd-dev/go-coap/v3/message/codes"

	"github.com/pqcoap/pqcoap/coap"
	"github.com/pqcoap/pqcoap/server/app/journal"
	"github.com/pqcoap/pqcoap/server/senml"
)

const (
	// MaxLast is the largest N of GET /telemetry?last=N.
	MaxLast = journal.Keep
	// DefaultLast is N where the query is absent.
	DefaultLast = 10
	// MaxBody bounds the answer to GET /telemetry: fewer readings than asked for come
	// where more would be too much.
	MaxBody = 256 << 10
)

// record takes a SenML pack. It is answered when the readings are durable.
func (a *App) record(r *coap.Request) *coap.Message {
	if r.Device == "" {
		return unnamed()
	}
	f, ok := format(r, message.ContentFormat)
	if !ok || !isSenML(f) {
		return status(codes.UnsupportedMediaType, "want SenML: content format 110 or 112")
	}
	now := a.now()
	records, err := senml.Parse(senml.Format(f), r.Payload, now)
	if err != nil {
		return status(codes.BadRequest, err.Error())
	}
	if len(records) == 0 {
		return status(codes.BadRequest, "senml: no reading")
	}
	err = a.journal.Append(r.Device, now, records)
	switch {
	case errors.Is(err, journal.ErrInvalid):
		return status(codes.RequestEntityTooLarge, "")
	case err != nil:
		return status(codes.ServiceUnavailable, "")
	}
	a.changed(r.Device)
	return status(codes.Changed, "")
}

// unnamed refuses who has not proven a name: readings belong to a device.
func unnamed() *coap.Message {
	return status(codes.Unauthorized, "only for enrolled devices")
}

func isSenML(f message.MediaType) bool {
	return f == message.AppSenmlJSON || f == message.AppSenmlCbor
}

// readings gives the caller's newest readings, in the order of their time, and again to who
// observes them when there are more.
func (a *App) readings(r *coap.Request) *coap.Message {
	if r.Device == "" {
		return unnamed()
	}
	f, asked := format(r, message.Accept)
	if !asked {
		f = message.AppSenmlCbor
	}
	if !isSenML(f) {
		return status(codes.NotAcceptable, "")
	}
	n, ok := last(r)
	if !ok {
		return status(codes.BadRequest, "last: want a number from 1 to "+strconv.Itoa(MaxLast))
	}
	v, age := view{f, n}, time.Duration(0)
	if a.feeds.observe(r, v) { // before the state is read, so that nothing falls between
		age = feedAge
	}
	return a.state(r.Device, v, age)
}

// state gives a device's readings as a view shows them, good for so long.
func (a *App) state(device string, v view, age time.Duration) *coap.Message {
	records, err := a.journal.Last(device, v.last)
	if errors.Is(err, journal.ErrClosed) {
		return status(codes.ServiceUnavailable, "")
	}
	if err == nil && len(records) == 0 {
		return status(codes.NotFound, "no reading yet") // a pack has one at least
	}
	var body []byte
	if err == nil {
		body, err = encode(senml.Format(v.format), records)
	}
	if err != nil {
		slog.Error("readings cannot be given", "device", device, "err", err)
		return status(codes.InternalServerError, "")
	}
	return lasting(age, v.format, body)
}

// last is the query of that name.
func last(r *coap.Request) (int, bool) {
	text, ok := r.Query("last")
	if !ok {
		return DefaultLast, true
	}
	n, err := strconv.ParseUint(text, 10, 16)
	return int(n), err == nil && n >= 1 && n <= MaxLast
}

// encode makes the pack, without the oldest readings where it would be too large.
func encode(f senml.Format, records []senml.Record) ([]byte, error) {
	for {
		body, err := senml.Append(nil, f, records)
		if err != nil || len(body) <= MaxBody || len(records) == 1 {
			return body, err
		}
		fit := max(1, min(len(records)-1, len(records)*MaxBody/len(body)))
		records = records[len(records)-fit:]
	}
}
