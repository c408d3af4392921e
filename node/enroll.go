package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"

	"github.com/fxamacker/cbor/v2"
	"github.com/plgd-dev/go-coap/v3/message"
	"github.com/plgd-dev/go-coap/v3/message/codes"

	"github.com/pqcoap/pqcoap/coap"
	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/handshake/cwt"
	"github.com/pqcoap/pqcoap/internal/invite"
	"github.com/pqcoap/pqcoap/internal/session"
)

// What is wrong with an invitation.
var (
	// ErrInvitation is wrapped by the others.
	ErrInvitation = errors.New("invitation")
	// ErrCode: the server does not know the code.
	ErrCode = fmt.Errorf("%w: the server does not take the code", ErrInvitation)
	// ErrCodeUsed: the code has let in another device.
	ErrCodeUsed = fmt.Errorf("%w: its code has been used, with another key: each code is for one device; ask for another", ErrInvitation)
	// ErrEnrolment: what the server has answered is of no use.
	ErrEnrolment = errors.New("node: enrolment")
)

// An Invitation is what an operator gives to a new device: where the server is, how to know it,
// and a code that lets one device in.
type Invitation = invite.Invitation

// ParseInvitation reads an invitation as the server's operator has it:
// coap+pq://HOST:PORT?s=SUITE&fp=FINGERPRINT&code=CODE.
func ParseInvitation(uri string) (*Invitation, error) {
	i, err := invite.Parse(uri)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInvitation, err)
	}
	return i, nil
}

// An Enrolment is a device's first contact with its server.
type Enrolment struct {
	Invitation *Invitation
	Key        *handshake.PrivateKey // the device's, of the suite of the invitation; it stays here
	Name       string                // that the server has to give the device; empty: any
	State      string                // file for Config.State; may be empty
	Log        *slog.Logger          // nil: none
}

// Enroll proves the code to the server and has it take the device's key. What it returns is all
// that the device needs from then on. It may be called again with the same key, after whatever
// has gone wrong, while the code is good.
//
// The server's word is believed as far as its key is the one of the invitation: where it has an
// authority, the device trusts that from then on, and does not need the key any more. Without one
// the key is pinned.
func Enroll(ctx context.Context, e Enrolment) (Config, error) {
	server, err := resolve(ctx, e.Invitation.Address)
	if err != nil {
		return Config{}, err
	}
	socket, err := listen(server)
	if err != nil {
		return Config{}, fmt.Errorf("node: socket: %w", err)
	}
	return EnrollOn(ctx, socket, server, e)
}

// EnrollOn is Enroll on a socket of the caller's, which it closes.
func EnrollOn(ctx context.Context, socket PacketConn, server netip.AddrPort, e Enrolment) (Config, error) {
	inv := e.Invitation
	if e.Key == nil || e.Key.Suite() != inv.Suite {
		socket.Close()
		return Config{}, fmt.Errorf("%w: it wants a key of suite %d", ErrInvitation, inv.Suite)
	}
	conn, err := DialOn(ctx, socket, server, Config{
		Suite: inv.Suite, Fingerprint: inv.Fingerprint, PSK: inv.Code.PSK(),
		MaxBody: maxCredentials, FreshAfter: -1, Log: e.Log,
	})
	if err != nil {
		return Config{}, dialFailed(err)
	}
	defer conn.Close()
	body, err := cbor.Marshal([]any{uint8(inv.Suite), e.Key.Public().Bytes()})
	if err != nil {
		return Config{}, err
	}
	answer, err := conn.Post(ctx, "/enroll", message.AppCBOR, body)
	if err != nil {
		return Config{}, fmt.Errorf("%w: %w", ErrEnrolment, err)
	}
	if err := taken(&answer); err != nil {
		return Config{}, err
	}
	conn.mu.Lock()
	trust := conn.active.device.Server()
	conn.mu.Unlock()
	return e.accept(trust, answer.Payload)
}

// dialFailed says what it means for an invitation that there is no session.
func dialFailed(err error) error {
	var refusal *handshake.Refusal
	switch {
	case errors.As(err, &refusal) && refusal.Code == handshake.RefusedCredential:
		return fmt.Errorf("%w: it is mistyped, its time is over, or it was used long ago; ask for another: %w", ErrCode, err)
	case errors.Is(err, session.ErrFingerprint):
		return fmt.Errorf("%w: what answers there is not the server that it is of: %w", ErrInvitation, err)
	}
	return err
}

// taken reads the code of the server's answer.
func taken(answer *coap.Message) error {
	switch answer.Code {
	case codes.Changed:
		return nil
	case codes.Forbidden:
		return ErrCodeUsed
	case codes.Unauthorized:
		return ErrCode
	case codes.NotFound, codes.MethodNotAllowed:
		return fmt.Errorf("%w: the server does not enrol devices by code (%d.%02d)", ErrEnrolment, answer.Code>>5, answer.Code&31)
	}
	return fmt.Errorf("%w: the server answers %d.%02d", ErrEnrolment, answer.Code>>5, answer.Code&31)
}

// accept makes the device's configuration of the server's answer, which has to fit together.
func (e *Enrolment) accept(trust *handshake.ServerCredential, body []byte) (Config, error) {
	r, err := parseCredentials(body)
	if err != nil {
		return Config{}, fmt.Errorf("%w: %w", ErrEnrolment, err)
	}
	cfg := Config{
		Name: r.Name, Server: Scheme + e.Invitation.Address, Suite: e.Invitation.Suite, Trust: trust,
		Key: e.Key, State: e.State,
	}
	switch {
	case !validName(r.Name):
		return Config{}, fmt.Errorf("%w: the server gives a name that is none", ErrEnrolment)
	case e.Name != "" && r.Name != e.Name:
		return Config{}, fmt.Errorf("%w: the code is for a device named %s, not %s", ErrInvitation, r.Name, e.Name)
	case r.Authority == nil && r.Token != nil:
		return Config{}, fmt.Errorf("%w: a credential without its authority", ErrEnrolment)
	case r.Authority == nil:
		return cfg, nil
	}
	if cfg.Authority, err = cwt.ParseAuthorityKey(r.Authority); err != nil {
		return Config{}, fmt.Errorf("%w: the authority's key: %w", ErrEnrolment, err)
	}
	cfg.Trust, cfg.Issuer, cfg.ServerName, cfg.Credential = nil, r.Issuer, r.Server, r.Token
	if err := cfg.check(); err != nil {
		return Config{}, fmt.Errorf("%w: %w", ErrEnrolment, err)
	}
	if cfg.Credential != nil {
		claims, err := cfg.own(cfg.Credential)
		if err == nil && claims.Subject != r.Name {
			err = cwt.ErrSubject
		}
		if err != nil {
			return Config{}, fmt.Errorf("%w: the device's credential: %w", ErrEnrolment, err)
		}
	}
	return cfg, nil
}

// validName tells whether a device may have a name.
func validName(name string) bool {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.:"
	return name != "" && len(name) <= 64 && strings.Trim(name, letters) == ""
}
