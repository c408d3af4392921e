package vectors

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/pqcoap/pqcoap/conformance/reference"
	"github.com/pqcoap/pqcoap/handshake"
)

// errDiffers means that the packages under test do something else than the file says.
var errDiffers = errors.New("differs from the file")

// same compares byte strings.
func same(what string, got, want []byte) error {
	if !bytes.Equal(got, want) {
		return fmt.Errorf("%w: %s", errDiffers, what)
	}
	return nil
}

// equal compares anything else.
func equal[T comparable](what string, got, want T) error {
	if got != want {
		return fmt.Errorf("%w: %s is %v, want %v", errDiffers, what, got, want)
	}
	return nil
}

// classes are the outcomes in the order in which they are tested.
var classes = []struct {
	err error
	is  Outcome
}{
	{handshake.ErrMalformed, Malformed},
	{handshake.ErrUnknownKey, UnknownKey},
	{handshake.ErrUnsupported, Unsupported},
	{handshake.ErrRejected, Rejected},
	{handshake.ErrKey, InvalidKey},
}

// expect compares an error of handshake with what the file expects.
func (h *Header) expect(err error) error {
	got := OK
	var refused *handshake.Refusal
	switch {
	case errors.As(err, &refused):
		got = Refused
	case err != nil:
		got = "another error"
		for _, class := range classes {
			if errors.Is(err, class.err) {
				got = class.is
			}
		}
	}
	return equal("outcome", got, h.Expect)
}

// replay runs a scenario with the packages handshake and record.
func replay(s Scenario) error {
	switch s := s.(type) {
	case *Handshake:
		return replayHandshake(s)
	case *M1:
		return replayM1(s)
	case *M2:
		return replayM2(s)
	case *Refusal:
		return replayRefusal(s)
	case *Object:
		return replayObject(s)
	case *Receive:
		return replayReceive(s)
	case *Send:
		return replaySend(s)
	case *Resumption:
		return replayResumption(s)
	case *M1R:
		return replayM1R(s)
	case *M2R:
		return replayM2R(s)
	case *Contents:
		return replayContents(s)
	case *Update:
		return replayUpdate(s)
	case *Token:
		return replayToken(s)
	}
	return fmt.Errorf("%w: unknown scenario", errDiffers)
}

func TestReplay(t *testing.T) {
	all, err := Load(testdata)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range all {
		t.Run(Name(s), func(t *testing.T) {
			t.Parallel()
			if err := replay(s); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestReplayNotices: a replay fails when the packages do not do what the file says.
func TestReplayNotices(t *testing.T) {
	all, err := Load(testdata)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range all {
		h := s.header()
		switch h.Kind {
		case KindReceive, KindSend, KindContents, KindUpdate:
			continue // their outcomes are in the steps
		}
		h.Expect = "something else"
		if err := replay(s); !errors.Is(err, errDiffers) {
			t.Errorf("%s: with another outcome: %v", h.Name, err)
		}
	}
}

// TestReplayNoticesBytes: a replay fails for any value that is changed in a handshake, but
// those of the key schedule that handshake does not show.
func TestReplayNoticesBytes(t *testing.T) {
	inside := map[string]bool{
		"SsS": true, "Th0": true, "S1": true, "K1": true, "Th1": true, "SsE": true, "Th2": true, "S2": true,
		"K2": true, "Who": true, "Auth": true, "Th3": true, "S3": true, "CtC": true,
		"Plaintext1": true, "Plaintext2": true, "PkE": true, "CtS": true, "CtE": true,
	}
	v := handshakes()[1].(*Handshake)
	trace := reflect.ValueOf(&v.Trace).Elem()
	for i := range trace.NumField() {
		name := trace.Type().Field(i).Name
		was := trace.Field(i).Interface().(Hex)
		trace.Field(i).Set(reflect.ValueOf(flip(was, len(was)-1)))
		if err := replay(v); (err != nil) == inside[name] {
			t.Errorf("%s changed: %v", name, err)
		}
		trace.Field(i).Set(reflect.ValueOf(was))
	}
	if err := replay(v); err != nil {
		t.Error(err)
	}
}

// stream is randomness in the order in which it is used. What is left over is an error.
type stream struct{ bytes.Buffer }

func newStream(parts ...[]byte) *stream {
	s := new(stream)
	for _, part := range parts {
		s.Write(part)
	}
	return s
}

func (s *stream) used() error { return equal("randomness left over", s.Len(), 0) }

// toParameters are those of handshake.
func toParameters(p reference.Parameters) handshake.Parameters {
	return handshake.Parameters{
		MaxUDPPayload: uint16(p.MaxUDPPayload), IdleTimeout: time.Duration(p.IdleTime) * time.Second, Echo: p.Echo,
		Successor: successor(p),
	}
}

func successor(p reference.Parameters) (kid [8]byte) {
	copy(kid[:], p.Successor)
	return kid
}

func sameParameters(got handshake.Parameters, want reference.Parameters) error {
	w := toParameters(want)
	return errors.Join(
		equal("MaxUDPPayload", got.MaxUDPPayload, w.MaxUDPPayload),
		equal("IdleTimeout", got.IdleTimeout, w.IdleTimeout),
		same("Echo", got.Echo, w.Echo),
		equal("Successor", got.Successor, w.Successor))
}

// toPSK is the device's, or nil.
func toPSK(d *DeviceSide) *handshake.PSK {
	if d.PSK == nil {
		return nil
	}
	return &handshake.PSK{ID: [16]byte(d.PSKID), Key: handshake.PSKKey(d.PSK)}
}

// toInitiator makes m1 and checks that all randomness was used.
func toInitiator(suite byte, credS []byte, d *DeviceSide) (*handshake.Initiator, error) {
	server, err := handshake.ParseServerCredential(credS)
	if err != nil {
		return nil, err
	}
	return toInitiatorOf(suite, server, d)
}

func toInitiatorOf(suite byte, server *handshake.ServerCredential, d *DeviceSide) (i *handshake.Initiator, err error) {
	cfg := handshake.InitiatorConfig{Server: server, Token: d.Token, PSK: toPSK(d), Parameters: toParameters(d.Parameters)}
	if d.SeedC != nil {
		if cfg.Key, err = handshake.NewPrivateKey(handshake.Suite(suite), d.SeedC); err != nil {
			return nil, err
		}
	}
	random := newStream(d.SeedE, d.RandomS)
	i, err = handshake.NewInitiator(random, cfg)
	if err != nil {
		return nil, err
	}
	return i, random.used()
}

// toAccepted opens m1 with one key, and its tokens.
func toAccepted(suite byte, seed, m1 []byte, tokens ...[]byte) (*handshake.Accepted, error) {
	key, err := handshake.NewPrivateKey(handshake.Suite(suite), seed)
	if err != nil {
		return nil, err
	}
	m, err := handshake.ParseM1(m1)
	if err != nil {
		return nil, err
	}
	id, err := key.Identity().Certified(tokens...)
	if err != nil {
		return nil, err
	}
	return handshake.NewResponder(id).Open(m)
}
