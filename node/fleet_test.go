package node

import (
	"crypto/rand"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/plgd-dev/go-coap/v3/message"

	"github.com/pqcoap/pqcoap/coap"
	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/handshake/cwt"
	"github.com/pqcoap/pqcoap/internal/session"
)

const (
	testIssuer = "fleet.example"
	testServer = "server-1"
	testDevice = "device"
	month      = 30 * 24 * time.Hour
)

// testAuthority is one that devices trust, and another that they do not.
var testAuthority = sync.OnceValues(func() (trusted, other *cwt.Authority) {
	for _, a := range []**cwt.Authority{&trusted, &other} {
		var err error
		if *a, err = cwt.GenerateAuthority(rand.Reader, cwt.MLDSA44); err != nil {
			panic(err)
		}
	}
	return trusted, other
})

// newKey makes a key of the quickest suite.
func newKey(t testing.TB) *handshake.PrivateKey {
	t.Helper()
	k, err := handshake.GenerateKey(rand.Reader, handshake.MLKEM512)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// issue makes a token that is good for a month from now on, but for what change does to it.
func issue(t testing.TB, a *cwt.Authority, usage cwt.Usage, subject string, key *handshake.PrivateKey, change ...func(*cwt.Claims)) []byte {
	t.Helper()
	now := time.Now()
	c := cwt.Claims{
		Issuer: testIssuer, Subject: subject, Usage: usage, Key: key.Public(),
		NotBefore: now, Issued: now, Expires: now.Add(month),
	}
	for _, f := range change {
		f(&c)
	}
	token, err := a.Issue(rand.Reader, c)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// certified gives a server's key its tokens.
func certified(t testing.TB, key *handshake.PrivateKey, tokens ...[]byte) handshake.Identity {
	t.Helper()
	id, err := key.Identity().Certified(tokens...)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// fleetConfig is that of a device that trusts the authority, and has a credential of it.
func (w *world) fleetConfig() Config {
	cfg := w.config()
	authority, _ := testAuthority()
	cfg.Trust, cfg.Authority, cfg.Issuer, cfg.ServerName = nil, authority.Public(), testIssuer, testServer
	cfg.Credential = issue(w.t, authority, cwt.UsageDevice, testDevice, cfg.Key)
	return cfg
}

// certify has the server be one of the authority, with its key.
func (w *world) certify() {
	authority, _ := testAuthority()
	key, _ := testKeys()
	w.server.SetIdentities(certified(w.t, key, issue(w.t, authority, cwt.UsageServer, testServer, key)))
}

// fails dials in vain.
func (w *world) fails(cfg Config) error {
	w.t.Helper()
	c, err := DialOn(within(w.t, 2*time.Minute), w.net.Listen(deviceAddr), serverAddr, cfg)
	if err == nil {
		c.Close()
		w.t.Fatal("a session has opened")
	}
	return err
}

// known is what the device's file has learnt.
func (w *world) known() known {
	w.t.Helper()
	synctest.Wait()
	k, err := readKnown(knownPath(w.state))
	if err != nil {
		w.t.Fatal(err)
	}
	return k
}

// forget removes the ticket and the session of the device, and nothing else.
func (w *world) forget() {
	for _, suffix := range []string{"", ".used"} {
		os.Remove(w.state + suffix)
	}
}

// logged wants something in the log.
func (w *world) logged(what string) {
	w.t.Helper()
	synctest.Wait()
	if !strings.Contains(w.log.String(), what) {
		w.t.Errorf("the log lacks %q:\n%s", what, w.log.String())
	}
}

// serving answers a path of the server's core as f says, and the rest as ever.
func (w *world) serving(path string, f func(m *coap.Message) *coap.Message) {
	w.answer = func(m coap.Message) *coap.Message {
		if p, _ := m.Options.Path(); strings.TrimPrefix(p, "/") == path {
			return f(&m)
		}
		return coap.Content(message.TextPlain, m.Payload)
	}
}

// seeing has the server let in every device by its key, and notes with what each came.
func seeing(credentials *[]handshake.ClientCredential) func(*session.ServerConfig) {
	return func(cfg *session.ServerConfig) {
		_, deviceKey := testKeys()
		cfg.Authorize = func(_ handshake.Suite, c handshake.ClientCredential) (session.Client, error) {
			*credentials = append(*credentials, c)
			return session.Client{Name: testDevice, Key: deviceKey.Public()}, nil
		}
	}
}
