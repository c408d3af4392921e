package handshake

import (
	"bytes"
	"fmt"
	"time"
)

// A binding is what a device's ticket belongs to: the key of the server that the session
// trusted, and the device's own credential.
type binding struct {
	server   [32]byte // fingerprint
	identity [16]byte // DeviceID in ModeKEM, a digest of the PSK in ModePSK, else zero
}

// binding is that of a session that cfg leads to.
func (c *InitiatorConfig) binding() binding {
	return binding{c.Server.Fingerprint(), identity(c.Key, c.PSK)}
}

func identity(key *PrivateKey, psk *PSK) (id [16]byte) {
	switch {
	case key != nil:
		id = key.Public().DeviceID()
	case psk != nil:
		id = psk.digest()
	}
	return id
}

// A ResumptionState is all that a device needs for one resumption: a ticket, the secret that
// goes with it, and what they belong to. It is a secret. A state is for one m1r: the device
// sees to it that no copy of it is left on disk before that m1r leaves.
type ResumptionState struct {
	Suite      Suite
	Mode       Mode
	Expires    time.Time // when the server will not take the ticket any more
	SmallUntil time.Time // when it will want a KEM key

	binding binding
	ticket  []byte
	secret  Secret // nil when used

	unprintable
}

// NewResumptionState keeps what a device needs of the Result of its handshake or resumption
// for the ticket that came in a record of that session. It copies the secret. ErrMisuse if
// the Result is not a device's, or was wiped.
func NewResumptionState(now time.Time, res *Result, t *NewTicket) (*ResumptionState, error) {
	if res.binding == (binding{}) || bytes.Equal(res.Resumption, make([]byte, len(res.Resumption))) {
		return nil, fmt.Errorf("%w: no resumption from this result", ErrMisuse)
	}
	now = now.Truncate(time.Second)
	return &ResumptionState{
		Suite: res.Suite, Mode: res.Mode,
		Expires: now.Add(t.Lifetime), SmallUntil: now.Add(t.Small),
		binding: res.binding, ticket: bytes.Clone(t.Ticket), secret: bytes.Clone(res.Resumption),
	}, nil
}

// Fingerprint returns that of the server key which the session trusted.
func (s *ResumptionState) Fingerprint() [32]byte { return s.binding.server }

// Wipe overwrites the secret. The state is of no use any more.
func (s *ResumptionState) Wipe() {
	wipe(s.secret)
	s.secret = nil
}

const kindResumption = "resumption"

// maxExpiry is the largest time and the largest lifetime.
const maxExpiry = 2 * maxSeconds

// resumptionObject is the state in a file of the device.
type resumptionObject struct {
	_          struct{} `cbor:",toarray"`
	Version    uint64
	Kind       string
	Suite      Suite
	Mode       Mode
	Server     []byte
	Identity   []byte
	Expires    uint64 // s since 1970
	SmallUntil uint64
	Ticket     []byte
	Secret     []byte
}

// Append appends the object [1, "resumption", ...] to b. This is the secret itself. It panics
// for a state that was used or wiped.
func (s *ResumptionState) Append(b []byte) []byte {
	if s.secret == nil {
		panic("handshake: a state that was used is not kept")
	}
	object := encode(resumptionObject{
		Version: keyVersion, Kind: kindResumption, Suite: s.Suite, Mode: s.Mode,
		Server: s.binding.server[:], Identity: s.binding.identity[:],
		Expires: unix(s.Expires), SmallUntil: unix(s.SmallUntil), Ticket: s.ticket, Secret: s.secret,
	})
	defer wipe(object)
	return append(b, object...)
}

// unix is a time as its file has it.
func unix(t time.Time) uint64 { return uint64(max(0, t.Unix())) }

// ParseResumptionState decodes what Append made. It fails with ErrMalformed, or
// ErrUnsupported for a version or suite it does not know.
func ParseResumptionState(b []byte) (*ResumptionState, error) {
	var o resumptionObject
	err := decode(b, &o)
	switch {
	case err != nil || o.Kind != kindResumption:
		return nil, ErrMalformed
	case o.Version != keyVersion || !o.Suite.Valid() || o.Mode > ModePSK:
		wipe(o.Secret)
		return nil, ErrUnsupported
	case len(o.Server) != 32, len(o.Identity) != 16, len(o.Secret) != resumptionSize,
		len(o.Ticket) < minTicket, len(o.Ticket) > maxTicket,
		o.Expires > maxExpiry, o.SmallUntil > maxExpiry:
		wipe(o.Secret)
		return nil, ErrMalformed
	}
	return &ResumptionState{
		Suite: o.Suite, Mode: o.Mode,
		Expires: time.Unix(int64(o.Expires), 0), SmallUntil: time.Unix(int64(o.SmallUntil), 0),
		binding: binding{[32]byte(o.Server), [16]byte(o.Identity)}, ticket: o.Ticket, secret: o.Secret,
	}, nil
}
