package node

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/pqcoap/pqcoap/coap"
	"github.com/pqcoap/pqcoap/internal/endpoint"
	"github.com/pqcoap/pqcoap/internal/proxy"
	"github.com/pqcoap/pqcoap/internal/session"
)

// giveUp is how long a link waits for a sign of life of the server after a request, where that
// can be made again: another session may then help.
const giveUp = 30 * time.Second

// A linkPeer is the server in one session, as the users of a link see it. It observes across
// sessions.
type linkPeer struct {
	*endpoint.Endpoint
	link *link
	conn *Conn
}

// Do is that of the session. Where nothing is heard for long of a request that can be made
// again, it ends the session, since the server may have lost it.
func (p *linkPeer) Do(ctx context.Context, m coap.Message) (coap.Message, error) {
	if !proxy.Idempotent(m.Code) {
		return p.Endpoint.Do(ctx, m)
	}
	began := time.Now()
	limited, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	timer := time.AfterFunc(giveUp, func() {
		if p.conn.heard().Before(began) {
			cancel(errSilent)
		}
	})
	defer timer.Stop()
	answer, err := p.Endpoint.Do(limited, m)
	if errors.Is(err, context.Canceled) && ctx.Err() == nil {
		err = context.Cause(limited)
	}
	return answer, err
}

var errSilent = fmt.Errorf("%w: the server is not heard", session.ErrClosed)

// Observe leaves it to the program to come again where the server asks for that, until there
// has been a first state. Sessions are opened by the link, as for all its users.
func (p *linkPeer) Observe(ctx context.Context, m coap.Message) (coap.Watch, error) {
	w, err := p.conn.observe(ctx, &watch{conn: p.conn, request: m, ready: p.link.ready})
	if errors.Is(err, ErrLater) {
		err = fmt.Errorf("%w: %w", proxy.ErrUnavailable, err)
	}
	return w, err
}

// heard is when the server was last heard in the session that is open.
func (c *Conn) heard() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.active.device.Heard()
}
