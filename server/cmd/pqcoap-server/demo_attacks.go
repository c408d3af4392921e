package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/plgd-dev/go-coap/v3/message/codes"

	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/internal/session"
	"github.com/pqcoap/pqcoap/node"
	"github.com/pqcoap/pqcoap/server"
)

// attacks does what must fail.
func (d *demo) attacks(ctx context.Context) error {
	d.print("\n5  Three attacks\n\n")
	for _, attack := range []func(context.Context) error{d.replay, d.flip, d.wrongPin} {
		if err := attack(ctx); err != nil {
			return fmt.Errorf("attack: %w", err)
		}
	}
	return nil
}

// replay sends the device's last record once more.
func (d *demo) replay(ctx context.Context) error {
	trace := d.relay.trace()
	before := d.server.Stats()
	var last captured
	for _, c := range trace {
		if c.isRecord() && !c.fromServer {
			last = c
		}
	}
	if last.bytes == nil {
		return errors.New("no record was seen")
	}
	if err := d.relay.resend(last); err != nil {
		return err
	}
	after, err := d.counted(ctx, func(s server.Stats) bool { return s.Replayed > before.Replayed })
	if err != nil {
		return fmt.Errorf("a record sent again: %w", err)
	}
	values, err := d.readings(ctx)
	if err != nil {
		return err
	}
	if len(values) != readingCount {
		return errors.New("a record sent again has had an effect")
	}
	d.print("   record sent again   refused: its number was used (replays seen: %d)\n", after.Replayed-before.Replayed)
	return nil
}

// flip changes a bit of a record on its way. The device sends the request again.
func (d *demo) flip(ctx context.Context) error {
	before := d.server.Stats()
	d.relay.flipNext()
	answer, err := d.conn.Get(ctx, "/time")
	if err := answered("GET /time after a flipped bit", answer, err, codes.Content); err != nil {
		return err
	}
	after, err := d.counted(ctx, func(s server.Stats) bool { return s.Rejected > before.Rejected })
	if err != nil {
		return fmt.Errorf("a flipped bit: %w", err)
	}
	d.print("   flipped bit         refused: the tag does not fit (records rejected: %d);\n", after.Rejected-before.Rejected)
	d.print("                       the device sent it again, and was answered\n")
	return nil
}

// wrongPin is a device that trusts another server's key: it must not get a session here.
func (d *demo) wrongPin(ctx context.Context) error {
	stranger, err := handshake.GenerateKey(rand.Reader, d.device.Suite)
	if err != nil {
		return err
	}
	before := d.server.Stats()
	cfg := d.device
	cfg.Trust, cfg.Server = stranger.ServerCredential(), d.addr.String()
	conn, err := node.Dial(ctx, "", cfg)
	if err == nil {
		conn.Close()
		return errors.New("a device with a wrong pin got a session")
	}
	var hint *session.HintError
	if !errors.As(err, &hint) || hint.Code != codes.Unauthorized {
		return fmt.Errorf("a wrong pin: %w", err)
	}
	if after := d.server.Stats(); after.HalfOpened != before.HalfOpened {
		return errors.New("a wrong pin made a half-open session")
	}
	d.print("   wrong pin           refused: the server does not hold that key (4.01);\n")
	d.print("                       neither side has a session\n")
	return nil
}

// counterTimeout is how long a datagram on loopback may take to be counted.
const counterTimeout = 5 * time.Second

var errNotRefused = errors.New("the server has not refused it")

// counted waits until the server's counters are as they must be.
func (d *demo) counted(ctx context.Context, enough func(server.Stats) bool) (server.Stats, error) {
	ctx, cancel := context.WithTimeout(ctx, counterTimeout)
	defer cancel()
	for {
		if s := d.server.Stats(); enough(s) {
			return s, nil
		}
		select {
		case <-ctx.Done():
			return server.Stats{}, errNotRefused
		case <-time.After(time.Millisecond):
		}
	}
}
