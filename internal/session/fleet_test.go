package session

import (
	"crypto/rand"
	"sync"
	"testing"
	"time"

	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/handshake/cwt"
)

// authorities are the one that all trust, and a stranger.
var authorities = sync.OnceValues(func() (ours, theirs *cwt.Authority) {
	for _, a := range []**cwt.Authority{&ours, &theirs} {
		var err error
		if *a, err = cwt.GenerateAuthority(rand.Reader, cwt.MLDSA44); err != nil {
			panic(err)
		}
	}
	return ours, theirs
})

// A fleet is an authority's: what its tokens say unless a test changes it, and what time it is.
type fleet struct {
	t   *testing.T
	now time.Time
}

func newFleet(t *testing.T) *fleet { return &fleet{t, epoch} }

// claims are those of the test's server or device.
func (f *fleet) claims(usage cwt.Usage) cwt.Claims {
	serverKey, deviceKey := testKeys()
	c := cwt.Claims{
		Issuer: "fleet", Subject: "server", Usage: usage, Key: serverKey.Public(),
		NotBefore: epoch.Add(-time.Hour), Issued: epoch.Add(-time.Hour), Expires: epoch.Add(24 * time.Hour),
	}
	if usage == cwt.UsageDevice {
		c.Subject, c.Key = "device", deviceKey.Public()
	}
	return c
}

func (f *fleet) token(usage cwt.Usage, change func(*cwt.Claims)) []byte {
	ours, _ := authorities()
	return f.tokenBy(ours, usage, change)
}

func (f *fleet) tokenBy(a *cwt.Authority, usage cwt.Usage, change func(*cwt.Claims)) []byte {
	f.t.Helper()
	c := f.claims(usage)
	if change != nil {
		change(&c)
	}
	token, err := a.Issue(rand.Reader, c)
	if err != nil {
		f.t.Fatal(err)
	}
	return token
}

func (f *fleet) identity(k *handshake.PrivateKey, tokens ...[]byte) handshake.Identity {
	f.t.Helper()
	id, err := k.Identity().Certified(tokens...)
	if err != nil {
		f.t.Fatal(err)
	}
	return id
}

// verify is what a device does with a server's token.
func (f *fleet) verify(token []byte) (*handshake.ServerCredential, error) {
	ours, _ := authorities()
	c, err := ours.Public().Verify(token, cwt.Want{
		Issuer: "fleet", Subject: "server", Usage: cwt.UsageServer, Suite: handshake.MLKEM512, Now: f.now, Skew: time.Minute,
	})
	if err != nil {
		return nil, err
	}
	return handshake.NewCertifiedCredential(c.Key, token)
}

// authorize is what a server does with a device's: afterwards the device is known by its key.
func (f *fleet) authorize(suite handshake.Suite, c handshake.ClientCredential) (Client, error) {
	ours, _ := authorities()
	_, deviceKey := testKeys()
	if c.Token == "" {
		if c.Mode == handshake.ModeKEM && c.ID == deviceKey.Public().DeviceID() {
			return Client{Name: "device", Key: deviceKey.Public()}, nil
		}
		return Client{}, errStranger
	}
	claims, err := ours.Public().Verify([]byte(c.Token), cwt.Want{
		Issuer: "fleet", Usage: cwt.UsageDevice, Suite: suite, Now: f.now, Skew: time.Minute,
	})
	if err != nil {
		return Client{}, err
	}
	return Client{Name: claims.Subject, Key: claims.Key}, nil
}

func (f *fleet) server(ids ...handshake.Identity) *Server {
	return lasting(f.t, func(c *ServerConfig) { c.Identities, c.Authorize = ids, f.authorize })
}

func (f *fleet) device() DeviceConfig {
	cfg := deviceConfig(handshake.ModeKEM)
	cfg.Server, cfg.Verify, cfg.Token = nil, f.verify, f.token(cwt.UsageDevice, nil)
	return cfg
}
