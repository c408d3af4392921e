package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/plgd-dev/go-coap/v3/message"
	"github.com/plgd-dev/go-coap/v3/message/codes"

	"github.com/pqcoap/pqcoap/coap"
	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/internal/cli"
	"github.com/pqcoap/pqcoap/node"
)

const (
	maxPack      = 100 // readings in one request
	firstBackOff = time.Second
	maxBackOff   = 5 * time.Minute
)

// An uplink is a session with the server. HangUp has it sleep, where it can.
type uplink interface {
	Post(ctx context.Context, path string, format message.MediaType, body []byte) (coap.Message, error)
	Close() error
	HangUp()
}

// A sensor measures in intervals and posts what it has measured. Readings that the server
// has not acknowledged go with the next ones.
type sensor struct {
	name     string // SenML name of its readings
	path     string
	interval *interval
	took     func(reading) // is told of each
	count    int           // readings to take; 0: no end
	timeout  time.Duration // of a request
	dial     func(context.Context) (uplink, error)
	sleeps   bool // between readings
	log      *slog.Logger

	queue   *queue
	link    uplink // nil while there is none
	backOff time.Duration
}

// run measures and posts until ctx is done, or count readings are acknowledged, or the
// server says that it never will.
func (s *sensor) run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	s.queue = newQueue()
	var measuring sync.WaitGroup
	measuring.Go(func() { s.measure(ctx) })
	err := s.send(ctx)
	cancel()
	measuring.Wait()
	s.hangUp()
	if waiting, lost := s.queue.counts(); waiting > 0 || lost > 0 {
		s.log.Warn("readings not acknowledged", "waiting", waiting, "dropped", lost)
	}
	return err
}

// measure takes readings until there are enough.
func (s *sensor) measure(ctx context.Context) {
	defer s.queue.close()
	ticker := time.NewTicker(s.interval.get())
	defer ticker.Stop()
	for n := 1; ; n++ {
		now := time.Now()
		r := reading{now, temperature(now, 2*rand.Float64()-1)}
		s.took(r)
		s.queue.add(r)
		if n == s.count || !s.pause(ctx, ticker) {
			return
		}
	}
}

// pause waits for the next reading. An interval that is set begins at once.
func (s *sensor) pause(ctx context.Context, ticker *time.Ticker) bool {
	for {
		select {
		case <-ctx.Done():
			return false
		case <-s.interval.changed:
			ticker.Reset(s.interval.get())
			s.log.Info("interval set", "interval", s.interval.get())
		case <-ticker.C:
			return true
		}
	}
}

// send posts what is in the queue until there will be no more.
func (s *sensor) send(ctx context.Context) error {
	for ctx.Err() == nil {
		batch, end, more := s.queue.oldest(maxPack)
		switch {
		case !more:
			return nil
		case len(batch) == 0:
			if s.sleeps {
				s.hangUp()
			}
			select {
			case <-ctx.Done():
			case <-s.queue.changed:
			}
			continue
		}
		err := s.post(ctx, batch)
		switch {
		case err == nil:
			s.queue.acknowledge(end)
			s.backOff = 0
		case final(err):
			return err
		case ctx.Err() == nil:
			s.retry(ctx, err)
		}
	}
	return nil
}

// hangUp ends the session there is, or has it sleep.
func (s *sensor) hangUp() {
	if s.link != nil {
		s.link.HangUp()
		s.link = nil
	}
}

// post sends a batch, over a new session where there is none.
func (s *sensor) post(ctx context.Context, batch []reading) error {
	pack, err := appendPack(nil, s.name, batch)
	if err != nil {
		return err
	}
	if s.link == nil {
		if s.link, err = s.dial(ctx); err != nil {
			s.link = nil
			return err
		}
		s.log.Info("session open")
	}
	limited, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	answer, err := s.link.Post(limited, s.path, message.AppSenmlCbor, pack)
	if err != nil {
		// The server may have lost the session: the next attempt makes a new one.
		s.link.Close()
		s.link = nil
		return fmt.Errorf("not acknowledged: %w", err)
	}
	if err := verdict(answer); err != nil {
		return err
	}
	s.log.Info("acknowledged", "readings", len(batch), "bytes", len(pack), "celsius", batch[len(batch)-1].celsius)
	return nil
}

// errBusy is an answer after which the same request may succeed.
var errBusy = errors.New("the server cannot take readings now")

// verdict is nil for an answer 2.xx.
func verdict(m coap.Message) error {
	switch {
	case m.Code>>5 == 2:
		return nil
	case m.Code>>5 == 5 || m.Code == codes.TooManyRequests:
		return fmt.Errorf("%w: %s", errBusy, codeText(m.Code))
	}
	return cli.Exit(codeAnswer, fmt.Errorf("the server does not take the readings: %s: %s", codeText(m.Code), printable(m.Payload)))
}

// final reports whether no further attempt can help: the server has refused the device, which
// it has proven, or the readings, or the device's files are not as they must be.
func final(err error) bool {
	if errors.Is(err, node.ErrConfig) || errors.Is(err, node.ErrState) {
		return true
	}
	var refusal *handshake.Refusal
	if errors.As(err, &refusal) {
		return refusal.Code != handshake.RefusedOverload
	}
	var coded *cli.Error
	return errors.As(err, &coded) && coded.Code == codeAnswer
}

// retry waits before the next attempt: twice as long each time, and a random part less, so
// that the devices of a server that comes back do not come at once.
func (s *sensor) retry(ctx context.Context, err error) {
	s.backOff = min(maxBackOff, max(firstBackOff, 2*s.backOff))
	wait := s.backOff/2 + rand.N(s.backOff/2)
	waiting, _ := s.queue.counts()
	s.log.Warn("trying again", "after", wait.Round(time.Millisecond), "waiting", waiting, "error", err)
	select {
	case <-ctx.Done():
	case <-time.After(wait):
	}
}
