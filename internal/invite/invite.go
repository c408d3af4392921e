// Package invite is what lets a new device in: the URI that an operator gives away, and the code in
// it, from which both sides derive a pre-shared key (docs/protocol.md section 4).
//
//	coap+pq://example.com:5688?s=1&fp=BASE64URL&code=7K2M-9QXR-4TBC
//
// It does no I/O and reads no clock.
package invite

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/pqcoap/pqcoap/handshake"
)

// ErrURI says that a text is no invitation.
var ErrURI = errors.New("invitation")

// Scheme begins the URI of an invitation.
const Scheme = "coap+pq"

// maxURI bounds what Parse reads, in bytes: a name of a host has 253 at most.
const maxURI = 512

// An Invitation is what a device has to know before it is let in.
type Invitation struct {
	Address     string // of the server, host:port
	Suite       handshake.Suite
	Fingerprint [32]byte // SHA-256 of the server's credential in its pinned form
	Code        Code
}

// encoding is base64url without padding, one spelling each.
var encoding = base64.RawURLEncoding.Strict()

// URI is the invitation as a text. It has the code in it.
func (i *Invitation) URI() string {
	return fmt.Sprintf("%s://%s?s=%d&fp=%s&code=%s",
		Scheme, i.Address, uint8(i.Suite), encoding.EncodeToString(i.Fingerprint[:]), i.Code.Text())
}

// Parse reads a URI. Its errors do not quote it.
func Parse(text string) (*Invitation, error) {
	text = strings.TrimSpace(text)
	if len(text) > maxURI {
		return nil, fmt.Errorf("%w: longer than %d bytes", ErrURI, maxURI)
	}
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Scheme != Scheme:
		return nil, fmt.Errorf("%w: want a URI that begins with %s://", ErrURI, Scheme)
	case u.User != nil || u.Fragment != "" || u.Path != "" && u.Path != "/" || u.Opaque != "":
		return nil, fmt.Errorf("%w: want nothing but an address and ?s=, fp= and code=", ErrURI)
	}
	i := &Invitation{Address: u.Host}
	if !validAddress(u.Host) {
		return nil, fmt.Errorf("%w: want the address as HOST:PORT", ErrURI)
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return nil, fmt.Errorf("%w: malformed behind the ?", ErrURI)
	}
	return i, i.parse(query)
}

// validAddress tells whether both parts of an address are there and can be told apart again.
func validAddress(address string) bool {
	host, port, err := net.SplitHostPort(address)
	n, bad := strconv.ParseUint(port, 10, 16)
	return err == nil && bad == nil && n != 0 && host != "" &&
		!strings.ContainsFunc(host, func(r rune) bool { return r <= ' ' || strings.ContainsRune("/?#[]@%\"<>\\^`{|}", r) || r > '~' }) &&
		net.JoinHostPort(host, port) == address
}

// parse reads the parameters: each once, and no other.
func (i *Invitation) parse(query url.Values) error {
	for name, values := range query {
		if !slices.Contains([]string{"s", "fp", "code"}, name) || len(values) != 1 {
			return fmt.Errorf("%w: want s, fp and code behind the ?, each once", ErrURI)
		}
	}
	suite, err := strconv.ParseUint(query.Get("s"), 10, 8)
	if i.Suite = handshake.Suite(suite); err != nil || !i.Suite.Valid() {
		return fmt.Errorf("%w: s: want the number of a suite, 1 to 4", ErrURI)
	}
	print, err := encoding.DecodeString(query.Get("fp"))
	if err != nil || len(print) != len(i.Fingerprint) {
		return fmt.Errorf("%w: fp: want a fingerprint, 32 bytes in base64url", ErrURI)
	}
	copy(i.Fingerprint[:], print)
	if i.Code, err = ParseCode(query.Get("code")); err != nil {
		return fmt.Errorf("%w: code: %w", ErrURI, err)
	}
	return nil
}
