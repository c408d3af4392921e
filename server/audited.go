package server

import (
	"errors"
	"time"

	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/internal/session"
	"github.com/pqcoap/pqcoap/server/audit"
)

// A denial is why a device is not let in, for the operator, and what it is told of that.
type denial struct {
	reason error
	told   *handshake.Refusal
}

// deny makes one. The text is at most 55 bytes.
func deny(reason error, code handshake.RefusalCode, text string) error {
	return &denial{reason, &handshake.Refusal{Code: code, Text: text}}
}

func (d *denial) Error() string   { return d.reason.Error() }
func (d *denial) Unwrap() []error { return []error{d.reason, d.told} }

// openAudit opens or closes the audit log of the folder.
func (s *Server) openAudit(on bool) error {
	if on == (s.audit.Load() != nil) {
		return nil
	}
	if !on {
		return s.closeAudit()
	}
	log, err := audit.Open(s.cfg.dir.Path)
	if err != nil {
		return err
	}
	s.audit.Store(log)
	return nil
}

func (s *Server) closeAudit() error { return s.audit.Swap(nil).Close(time.Now()) }

// auditOpen notes a session that a device has opened.
func (s *Server) auditOpen(now time.Time, one *session.Session) {
	d := audit.Device{Name: one.Device(), Suite: one.Suite(), Credential: one.Holder().Credential}
	if one.Resumed() {
		s.audit.Load().Resumed(now, one.Peer(), d)
	} else {
		s.audit.Load().Admitted(now, one.Peer(), d)
	}
}

// auditRefused notes a handshake that has led to no session.
func (s *Server) auditRefused(now time.Time, r *session.Refused) {
	if errors.Is(r.Reason, session.ErrNoRoom) {
		s.audit.Load().Overload(now, r.From, r.Reason.Error())
		return
	}
	reason := r.Reason.Error()
	if told, ok := r.Reason.(*handshake.Refusal); ok { // its Error is for the device
		reason = told.Code.String() + ": " + told.Text
	}
	s.audit.Load().Refused(now, r.From, audit.Device{Name: r.Device, Suite: r.Suite, Credential: r.Credential}, reason)
}

// told complains where the audit log could not be written.
func (s *Server) told(err error) {
	if err != nil {
		s.log.Error("audit log not written", "error", err)
	}
}
