package cwt

import "errors"

// The classes of failure. Test for them with errors.Is. None is for the eyes of who has
// shown the token, and none contains bytes of it.
var (
	// ErrMalformed: not the one encoding of a token or key that docs/protocol.md section 17 has,
	// or with a KEM key that is none.
	ErrMalformed = errors.New("cwt: malformed")
	// ErrUnsupported: a key object of another version, or an algorithm that is not known.
	ErrUnsupported = errors.New("cwt: not supported")
	// ErrSignature: not signed by this authority, with the algorithm of its key.
	ErrSignature = errors.New("cwt: not signed by the authority")
	// ErrIssuer: signed by the authority under another name than the one that is trusted.
	ErrIssuer = errors.New("cwt: another issuer")
	// ErrSubject: of another server or device.
	ErrSubject = errors.New("cwt: another subject")
	// ErrUsage: a server's where a device's is wanted, or the other way round.
	ErrUsage = errors.New("cwt: for another usage")
	// ErrSuite: with a key of another suite.
	ErrSuite = errors.New("cwt: of another suite")
	// ErrExpired: not valid any more.
	ErrExpired = errors.New("cwt: expired")
	// ErrNotYet: not valid yet.
	ErrNotYet = errors.New("cwt: not yet valid")
	// ErrMisuse: claims that no token can have.
	ErrMisuse = errors.New("cwt: misuse")
)
