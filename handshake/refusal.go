package handshake

import (
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"
)

// A RefusalCode says why a server refuses (docs/protocol.md section 6). The largest is 23.
type RefusalCode uint8

const (
	RefusedCredential RefusalCode = 1 // the credential is not accepted
	RefusedMode       RefusalCode = 2 // this mode is not allowed
	RefusedOverload   RefusalCode = 3 // not now
	RefusedSmallForm  RefusalCode = 4 // resume with an ephemeral KEM key
	RefusedTicket     RefusalCode = 5 // no resumption: do a full handshake
)

// String returns the meaning of the code.
func (c RefusalCode) String() string {
	switch c {
	case RefusedCredential:
		return "credential not accepted"
	case RefusedMode:
		return "mode not allowed"
	case RefusedOverload:
		return "not now"
	case RefusedSmallForm:
		return "resume with a KEM key"
	case RefusedTicket:
		return "full handshake needed"
	}
	return fmt.Sprintf("code %d", uint8(c))
}

// A Refusal is a refusal that the server sealed for this m1: the server said so.
type Refusal struct {
	Code       RefusalCode
	RetryAfter time.Duration // in whole seconds; 0: not said
	Text       string
}

// Error tells what the server said.
func (r *Refusal) Error() string {
	return fmt.Sprintf("handshake: refused by the server: %v: %q", r.Code, r.Text)
}

// Sizes of docs/protocol.md section 6. The length of a refusal tells nothing.
const (
	refusalNonceSize   = 16
	refusalPlainSize   = 64
	refusalSealedSize  = refusalPlainSize + tagSize
	maxRefusalCode     = 23
	refusalTextHead    = 2  // of a text string of 24 to 255 bytes
	maxRefusalTextSize = 55 // what fits beside the largest retry_after
)

type refusalObject struct {
	_          struct{} `cbor:",toarray"`
	Code       uint8
	RetryAfter uint64
	Text       string
}

// Refuse seals a refusal. Text is at most 55 bytes of UTF-8, retryAfter whole seconds;
// ErrMisuse otherwise. It reads nonce_R from rand, so that any number of refusals of one
// m1 have different keys.
func (a *Accepted) Refuse(rand io.Reader, code RefusalCode, retryAfter time.Duration, text string) ([]byte, error) {
	if a.done {
		return nil, fmt.Errorf("%w: answered already", ErrMisuse)
	}
	return a.step1.refuse(rand, code, retryAfter, text)
}

// refuse seals a refusal under s1 and th1, or s1r and th1r.
func (k *step1) refuse(rand io.Reader, code RefusalCode, retryAfter time.Duration, text string) ([]byte, error) {
	switch {
	case code > maxRefusalCode, retryAfter < 0, retryAfter%time.Second != 0,
		retryAfter > maxSeconds*time.Second, len(text) > maxRefusalTextSize, !utf8.ValidString(text):
		return nil, fmt.Errorf("%w: refusal", ErrMisuse)
	}
	nonceR, err := readSeed(rand, refusalNonceSize)
	if err != nil {
		return nil, err
	}
	plain := padRefusal(refusalObject{
		Code: uint8(code), RetryAfter: uint64(retryAfter / time.Second), Text: text,
	})
	return encode(answerObject{First: nonceR, Sealed: seal(k.errKey(nonceR), plain)}), nil
}

// padRefusal encodes a refusal with the text padded with spaces.
func padRefusal(o refusalObject) []byte {
	text := o.Text
	o.Text = ""
	room := refusalPlainSize - len(encode(o)) + 1 - refusalTextHead
	o.Text = text + strings.Repeat(" ", room-len(text))
	return encode(o)
}

// openRefusal opens a refusal: it returns a *Refusal, or ErrRejected.
func (k *step1) openRefusal(answer answerObject) error {
	if len(answer.Sealed) != refusalSealedSize {
		return ErrRejected
	}
	plain, err := open(k.errKey(answer.First), answer.Sealed)
	if err != nil {
		return ErrRejected
	}
	r, err := parseRefusal(plain)
	if err != nil {
		return ErrRejected
	}
	return r
}

// parseRefusal decodes plaintext_R.
func parseRefusal(b []byte) (*Refusal, error) {
	var o refusalObject
	if err := decode(b, &o); err != nil || len(b) != refusalPlainSize || o.Code > maxRefusalCode {
		return nil, ErrMalformed
	}
	return &Refusal{RefusalCode(o.Code), seconds(o.RetryAfter), strings.TrimRight(o.Text, " ")}, nil
}
