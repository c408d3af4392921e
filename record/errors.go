package record

import (
	"errors"
	"fmt"
)

// Errors of Open. A rejected record is dropped without an answer (RFC 9147
// section 4.5.2); the classes below ErrRejected are for counters and tests.
var (
	// ErrRejected is matched by every error of Open.
	ErrRejected = errors.New("record: rejected")
	// ErrReplayed means an authentic record that was received before, or one
	// too old for the window to tell.
	ErrReplayed = fmt.Errorf("%w: replayed", ErrRejected)

	errHeader       = fmt.Errorf("%w: malformed header", ErrRejected)
	errConnection   = fmt.Errorf("%w: another connection ID", ErrRejected)
	errEpoch        = fmt.Errorf("%w: no such epoch", ErrRejected)
	errSize         = fmt.Errorf("%w: size out of range", ErrRejected)
	errNotAuthentic = fmt.Errorf("%w: not authentic", ErrRejected)
	errContentType  = fmt.Errorf("%w: no known content type", ErrRejected)
	errExported     = fmt.Errorf("%w: %w", ErrRejected, ErrExported)
	errExhausted    = fmt.Errorf("%w: too many failed attempts", ErrRejected)
)

var (
	// ErrLimit means that the keys have sealed as many records as AES-GCM
	// allows (RFC 8446 section 5.5).
	ErrLimit = errors.New("record: limit of the keys reached")
	// ErrTooLarge means a content over MaxContent.
	ErrTooLarge = errors.New("record: content too large")
	// ErrConfig means a Config that cannot be used.
	ErrConfig = errors.New("record: invalid configuration")
	// ErrExported means that the state has been exported: whoever restores it
	// goes on, and nobody else.
	ErrExported = errors.New("record: state has been exported")
	// ErrState means bytes that are no exported state.
	ErrState = errors.New("record: invalid state")
	// ErrMessage means the content of an authentic record that breaks the format or
	// the order of sections 11.1 to 11.3 of the protocol. It is not acted on.
	ErrMessage = errors.New("record: invalid message")
	// ErrTooOften means a KeyUpdate so soon after the last that it is left
	// unacknowledged. Its sender repeats it.
	ErrTooOften = errors.New("record: key updates come too often")
	// ErrConnectionID means bytes or a size that make no connection ID.
	ErrConnectionID = errors.New("record: invalid connection ID")
)
