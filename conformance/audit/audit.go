// Package audit watches all that the ends of sessions send, and finds a nonce that is used twice
// under one key.
//
// An [Auditor] is told the secrets of each session, by [Auditor.Open], and each datagram as it
// leaves, by [Auditor.Sent]. It decrypts the number of every record with code of its own
// (conformance/reference), follows key updates by trying the next epoch, and fails on a record
// that it cannot attribute: a checker that looks away finds nothing.
package audit

import (
	"errors"
	"fmt"

	"github.com/pqcoap/pqcoap/conformance/reference"
)

var (
	// ErrNonceTwice: two records have one number in one epoch and direction of a session.
	ErrNonceTwice = errors.New("audit: a nonce twice under one key")
	// ErrUnattributed: a record is of no session that is known, nor a stateless reset of one.
	ErrUnattributed = errors.New("audit: a record that belongs to nothing")
)

// A Session is what a session's records are read by.
type Session struct {
	CipherSuite        uint16
	ToServer, ToDevice []byte   // traffic secrets of epoch 3
	ConnectionID       []byte   // on records to the server
	ResetToken         [16]byte // of that ID
}

// An Auditor reads the records of any number of sessions. The zero value knows none. It is not
// safe for concurrent use.
type Auditor struct {
	sessions []*watched // the newest first
	records  int
	messages int // bytes
	resets   int
}

// Content types (RFC 9147 section 4.1).
const (
	handshake = 22
	ack       = 26
)

type watched struct {
	Session
	toServer, toDevice direction
}

// Records is how many records have been attributed, Resets how many stateless resets.
func (a *Auditor) Records() int { return a.records }

// Messages is how many bytes the records of handshake messages and of ACKs had.
func (a *Auditor) Messages() int { return a.messages }

// Resets is how many stateless resets have been attributed.
func (a *Auditor) Resets() int { return a.resets }

// Updates is how many epochs have been found behind the first of their direction.
func (a *Auditor) Updates() int {
	n := 0
	for _, s := range a.sessions {
		n += len(s.toServer.epochs) + len(s.toDevice.epochs) - 2
	}
	return n
}

// Open makes a session known, before its first record leaves. The secrets are copied.
func (a *Auditor) Open(s Session) error {
	w := &watched{Session: s}
	for d, secret := range map[*direction][]byte{&w.toServer: s.ToServer, &w.toDevice: s.ToDevice} {
		t, err := reference.NewTraffic(s.CipherSuite, secret)
		if err != nil {
			return err
		}
		d.epochs = []*epoch{newEpoch(t)}
	}
	w.toServer.id = append([]byte(nil), s.ConnectionID...)
	a.sessions = append([]*watched{w}, a.sessions...)
	return nil
}

// Sent takes a datagram that has been sent. What is no record, by its first byte, is passed over.
func (a *Auditor) Sent(toServer bool, datagram []byte) error {
	for rest := datagram; len(rest) > 0 && rest[0]>>5 == 1; {
		var err error
		if rest, err = a.record(toServer, rest); err != nil {
			return fmt.Errorf("%w, in a datagram of %d bytes", err, len(datagram))
		}
	}
	return nil
}

// record attributes the first record of a datagram and returns what follows it.
func (a *Auditor) record(toServer bool, datagram []byte) (rest []byte, err error) {
	for i, s := range a.sessions {
		d := &s.toDevice
		if toServer {
			d = &s.toServer
		}
		kind, rest, err := d.open(datagram)
		if errors.Is(err, reference.ErrRejected) {
			continue
		}
		copy(a.sessions[1:i+1], a.sessions[:i]) // it will be asked for first
		a.sessions[0] = s
		a.records++
		if kind == handshake || kind == ack {
			a.messages += len(datagram) - len(rest)
		}
		return rest, err
	}
	if !toServer && a.reset(datagram) {
		return nil, nil
	}
	return nil, ErrUnattributed
}

// reset reports that a datagram is a stateless reset of a session.
func (a *Auditor) reset(datagram []byte) bool {
	for _, s := range a.sessions {
		if n := len(datagram) - 16; n > 0 && [16]byte(datagram[n:]) == s.ResetToken {
			a.resets++
			return true
		}
	}
	return false
}
