package handshake

import "errors"

// The classes of failure. Test for them with errors.Is. None says which byte was wrong,
// and none contains bytes that came from the peer.
var (
	// ErrMalformed: not the shape of docs/protocol.md sections 3 and 4.
	ErrMalformed = errors.New("handshake: malformed")
	// ErrKey: a key of the wrong length, or one that fails the check of FIPS 203 section 7.2.
	ErrKey = errors.New("handshake: not a valid key")
	// ErrUnknownKey: no key of the server has this suite and kid_S.
	ErrUnknownKey = errors.New("handshake: no such server key")
	// ErrRejected: did not open, or what opened was not as it must be.
	ErrRejected = errors.New("handshake: rejected")
	// ErrUnsupported: well-formed, but not of this version of the protocol.
	ErrUnsupported = errors.New("handshake: not supported")
	// ErrStale: a ticket that is not of this server key, suite or credential any more.
	ErrStale = errors.New("handshake: ticket of another key or credential")
	// ErrMisuse: the caller's arguments do not fit together, or a value was used twice.
	ErrMisuse = errors.New("handshake: misuse")
)
