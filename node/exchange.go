package node

import (
	"context"
	"time"

	"github.com/pqcoap/pqcoap/coap"
)

// Do sends a request and returns its response. Without a deadline in ctx it gives up after
// 60 s. Path, query and other options are in the message's Options; see [Conn.Get] and the
// others for the common cases.
func (c *Conn) Do(ctx context.Context, m coap.Message) (coap.Message, error) {
	return c.exchange(ctx, func(now time.Time) (uint64, error) {
		return c.device.Request(now, m, coap.RequestOptions{Timeout: timeout(ctx, now)}, &c.out)
	})
}

// Ping asks the server for a sign of life (RFC 7252 section 4.3).
func (c *Conn) Ping(ctx context.Context) error {
	_, err := c.exchange(ctx, func(now time.Time) (uint64, error) {
		return c.device.Ping(now, &c.out)
	})
	return err
}

// exchange starts something that has one answer, and waits for that.
func (c *Conn) exchange(ctx context.Context, start func(now time.Time) (uint64, error)) (coap.Message, error) {
	if err := c.ready(ctx); err != nil {
		return coap.Message{}, err
	}
	ch := make(chan answer, 1)
	id, err := c.begin(ch, start)
	if err != nil {
		return coap.Message{}, err
	}
	select {
	case a := <-ch:
		return a.message, a.err
	case <-ctx.Done():
		c.forget(id)
		return coap.Message{}, ctx.Err()
	}
}

func (c *Conn) begin(ch chan<- answer, start func(now time.Time) (uint64, error)) (uint64, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return 0, ErrClosed
	}
	now := time.Now()
	id, err := start(now)
	if err == nil {
		c.waiting[id] = ch
	}
	c.flush(now)
	return id, err
}

// forget gives up waiting for an answer.
func (c *Conn) forget(id uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.waiting, id)
	if !c.closed {
		now := time.Now()
		c.device.Cancel(now, id, &c.out)
		c.flush(now)
	}
}

// timeout is the time that ctx leaves, 0 for the engine's own.
func timeout(ctx context.Context, now time.Time) time.Duration {
	if deadline, ok := ctx.Deadline(); ok {
		return max(deadline.Sub(now), time.Nanosecond)
	}
	return 0
}
