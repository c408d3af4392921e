package interop

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/plgd-dev/go-coap/v3/message"
	"github.com/plgd-dev/go-coap/v3/message/codes"
	"github.com/plgd-dev/go-coap/v3/message/pool"
	"github.com/plgd-dev/go-coap/v3/mux"
	"github.com/plgd-dev/go-coap/v3/net/blockwise"
	"github.com/plgd-dev/go-coap/v3/options"
	"github.com/plgd-dev/go-coap/v3/udp"
	udpclient "github.com/plgd-dev/go-coap/v3/udp/client"
)

// gocoap is go-coap as a client over plain UDP, one connection a request.
type gocoap struct{}

var goMethods = map[string]codes.Code{
	"get": codes.GET, "post": codes.POST, "put": codes.PUT, "delete": codes.DELETE,
	"fetch": 5, "patch": 6, "ipatch": 7,
}

var szxOf = map[int]blockwise.SZX{64: blockwise.SZX64, 256: blockwise.SZX256, 0: blockwise.SZX1024, 1024: blockwise.SZX1024}

// dial opens a connection to the host of a URI.
func dial(t *testing.T, uri string, block int, more ...udp.Option) (*udpclient.Conn, *url.URL) {
	t.Helper()
	u, err := url.Parse(uri)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := udp.Dial(u.Host, append(more, options.WithBlockwise(true, szxOf[block], patience), options.WithPeriodicRunner(often))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		conn.Close()
		<-conn.Done()
	})
	return conn, u
}

func (gocoap) do(t *testing.T, r request) response {
	t.Helper()
	conn, u := dial(t, r.uri, r.block)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	resp, err := conn.Do(goRequest(t, ctx, conn, u, &r))
	if err != nil {
		t.Errorf("go-coap: %s: %v", r.method, err)
		return response{}
	}
	// go-coap leaves Echo to the program that uses it.
	if echo, err := resp.GetOptionBytes(optEcho); err == nil && resp.Code() == codes.Unauthorized {
		r.options = append(r.options, option{optEcho, echo})
		if resp, err = conn.Do(goRequest(t, ctx, conn, u, &r)); err != nil {
			t.Errorf("go-coap: %s with an Echo: %v", r.method, err)
			return response{}
		}
	}
	body, err := resp.ReadBody()
	if err != nil {
		t.Errorf("go-coap: the body: %v", err)
	}
	etag, _ := resp.ETag()
	code := resp.Code()
	return response{fmt.Sprintf("%d.%02d", code>>5, code&31), body, hex.EncodeToString(etag)}
}

// often has go-coap look after what is due at once, where it does so every 4 s by itself; and
// it leaves no goroutine behind that long.
func often(check func(now time.Time) bool) {
	go func() {
		for check(time.Now()) {
			time.Sleep(20 * time.Millisecond)
		}
	}()
}

// goRequest makes a request of go-coap's.
func goRequest(t *testing.T, ctx context.Context, conn *udpclient.Conn, u *url.URL, r *request) *pool.Message {
	t.Helper()
	m := conn.AcquireMessage(ctx)
	t.Cleanup(func() { conn.ReleaseMessage(m) })
	token, err := message.GetToken()
	if err == nil {
		err = m.SetPath(u.Path)
	}
	if err != nil {
		t.Fatal(err)
	}
	m.SetToken(token)
	m.SetCode(goMethods[r.method])
	if u.RawQuery != "" {
		for _, q := range strings.Split(u.RawQuery, "&") {
			m.AddQuery(q)
		}
	}
	for _, o := range r.options {
		m.AddOptionBytes(message.OptionID(o.number), o.value)
	}
	if r.body != nil {
		m.SetBody(bytes.NewReader(r.body))
	}
	if r.non {
		m.SetType(message.NonConfirmable)
	}
	return m
}

// goWatch is a client that observes.
type goWatch struct {
	seen        *transcript // a line of hex each notification
	observation mux.Observation
}

func (gocoap) observe(t *testing.T, uri string, _ bool) observation {
	t.Helper()
	conn, u := dial(t, uri, 0)
	seen := newTranscript()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	observation, err := conn.Observe(ctx, u.Path, func(n *pool.Message) {
		body, err := n.ReadBody()
		fmt.Fprintf(seen, "%x %v\n", body, err)
	})
	if err != nil {
		t.Fatalf("go-coap: observe: %v", err)
	}
	return goWatch{seen, observation}
}

func (w goWatch) next(t *testing.T, body string) {
	t.Helper()
	awaitText(t, w.seen, fmt.Sprintf("(?m)^%x <nil>$", body))
}

func (w goWatch) has(_ *testing.T, body string) bool {
	return strings.Contains(w.seen.String(), hex.EncodeToString([]byte(body)))
}

func (w goWatch) cancel(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := w.observation.Cancel(ctx); err != nil {
		t.Errorf("go-coap: cancel: %v", err)
	}
}
