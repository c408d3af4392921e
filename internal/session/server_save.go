package session

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/fxamacker/cbor/v2"

	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/internal/admission"
	"github.com/pqcoap/pqcoap/record"
)

// savedServer is a table of sessions at rest.
type savedServer struct {
	_        struct{} `cbor:",toarray"`
	Version  int
	Sessions []savedSession
}

type savedSession struct {
	_          struct{} `cbor:",toarray"`
	ID         []byte
	Device     string
	Suite      handshake.Suite
	Mode       handshake.Mode
	Credential [16]byte
	PSK        [8]byte // its mark
	Records    []byte
	CoAP       []byte
	Reset      [16]byte
	SessionID  [16]byte
	Exporter   []byte
	Payload    uint16 // largest that the device takes
	Idle       uint64 // s, that the device has named
	Peer       string
	Heard      int64 // Unix time
}

// Save ends the Server, and returns what Load makes other sessions of, with which the devices go
// on. It is as secret as all their keys. Requests that are under way are lost, observations too.
func (s *Server) Save() ([]byte, error) {
	saved := savedServer{Version: savedVersion}
	for _, session := range s.sessions.all() {
		if session.state == confirmed && session.retireAt.IsZero() && session.ch.path.Heard() {
			if one, err := session.save(); err == nil { // else it has no keys any more
				saved.Sessions = append(saved.Sessions, one)
			}
		}
		s.remove(session, ErrSaved)
	}
	b, err := cbor.Marshal(saved)
	for _, one := range saved.Sessions {
		clear(one.Records)
	}
	return b, err
}

func (s *Session) save() (savedSession, error) {
	state, err := s.ch.control.Export()
	if err != nil {
		return savedSession{}, err
	}
	r := s.result
	return savedSession{
		ID: s.id.Bytes(), Device: s.client.Name, Suite: r.Suite, Mode: r.Mode,
		Credential: s.credential.ID, PSK: pskMark(s.client.PSK),
		Records: state.Bytes(), CoAP: s.ch.coap.AppendState(nil),
		Reset: s.token, SessionID: r.SessionID, Exporter: r.Exporter,
		Payload: r.Peer.MaxUDPPayload, Idle: uint64(r.Peer.IdleTimeout / time.Second),
		Peer: s.Peer().String(), Heard: s.heard.Unix(),
	}, nil
}

// Load goes on with sessions that were saved, of the devices that the Authorizer still lets in, by
// the same credential: EventOpen comes for each. It is called once, before anything else. The
// caller has seen to it that the state cannot be used again, also after a crash. ErrState where it
// is none; a session in it that cannot be gone on with is left out, and its device resumes.
func (s *Server) Load(now time.Time, state []byte) error {
	var saved savedServer
	if err := cbor.Unmarshal(state, &saved); err != nil || saved.Version != savedVersion {
		return fmt.Errorf("%w: not one of version %d", ErrState, savedVersion)
	}
	for i := range saved.Sessions {
		one := &saved.Sessions[i]
		if client, ok := s.admit(one); ok {
			s.load(now, one, client)
		}
		clear(one.Records)
	}
	return nil
}

// admit asks whether the device of a saved session is still let in.
func (s *Server) admit(one *savedSession) (Client, bool) {
	client, err := s.cfg.Authorize(one.Suite, one.credential())
	return client, err == nil && client.Name == one.Device && pskMark(client.PSK) == one.PSK
}

func (s *savedSession) credential() handshake.ClientCredential {
	return handshake.ClientCredential{Mode: s.Mode, ID: s.Credential}
}

func (s *Server) load(now time.Time, one *savedSession, client Client) {
	id, err := record.NewConnectionID(one.ID)
	peer, err2 := netip.ParseAddrPort(one.Peer)
	if err != nil || err2 != nil || s.sessions.get(id) != nil || len(s.sessions.byID) >= s.cfg.MaxSessions {
		return
	}
	rec, control, err := record.Restore(one.Records, s.cfg.Update.config(), now)
	if err != nil {
		return
	}
	session := &Session{
		id: id, from: peer, prefix: admission.Network(peer.Addr()), token: one.Reset, client: client, credential: one.credential(), timer: -1,
		state: confirmed, entry: Loaded, asked: now, heard: time.Unix(one.Heard, 0), until: client.Until,
		result: &handshake.Result{
			Suite: one.Suite, Mode: one.Mode, Exporter: one.Exporter, SessionID: one.SessionID,
			Peer: handshake.Parameters{MaxUDPPayload: one.Payload, IdleTimeout: time.Duration(one.Idle) * time.Second},
		},
	}
	session.ch = wrap(rec, control, s.cfg.coapConfig(session.result.Peer), &s.scrap)
	session.ch.path = record.NewPath(peer)
	if session.ch.coap.Restore(one.CoAP) != nil || !now.Before(session.idleAt(s.cfg.IdleTimeout)) {
		return
	}
	if !s.gate.arrivals.confirmed(now, client.Name, session.prefix) {
		return
	}
	s.sessions.adopt(session)
	s.timers.set(session, session.deadline(s.cfg.IdleTimeout))
	s.events = append(s.events, Event{Kind: EventOpen, Session: session})
}
