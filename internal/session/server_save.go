package session

import (
	"fmt"
	"slices"
	"time"

	"github.com/fxamacker/cbor/v2"
)

// savedServer is a table of sessions at rest: their entries as they are in the arena.
type savedServer struct {
	_        struct{} `cbor:",toarray"`
	Version  int
	Sessions [][]byte
}

// Save ends the Servers of a Group, all of them, and returns what Load makes other sessions of, with
// which the devices go on. It is as secret as all their keys. Requests that are under way are lost,
// observations too. An event comes for the sessions that are awake.
func Save(shards ...*Server) ([]byte, error) {
	saved := savedServer{Version: savedVersion}
	for _, s := range shards {
		saved.Sessions = s.save(saved.Sessions)
	}
	b, err := cbor.Marshal(saved)
	for _, e := range saved.Sessions {
		clear(e)
	}
	return b, err
}

// save appends the entries of a Server, which ends.
func (s *Server) save(to [][]byte) [][]byte {
	s.sessions.all(func(session *Session, atRest entry) {
		if atRest != nil {
			to = append(to, slices.Clone(atRest))
			s.drop(atRest)
			return
		}
		if session.state == confirmed && session.retireAt.IsZero() && session.ch.path.Heard() && len(session.name) <= mostName {
			if e, err := session.appendEntry(nil); err == nil {
				to = append(to, e)
			}
		}
		s.remove(session, ErrSaved)
	})
	return to
}

// Load has the Servers of a Group, all of them, go on with sessions that were saved, of the devices
// that the Authorizer still lets in, by the same credential. They rest, and no event comes for them.
// Each goes to the shard that its ID names among so many, whoever had it before. Load is called
// once, before anything else. The caller has seen to it that the state cannot be used again, also
// after a crash. ErrState where it is none; a session in it that cannot be gone on with is left out,
// and its device resumes.
func Load(now time.Time, state []byte, shards ...*Server) error {
	var saved savedServer
	if err := cbor.Unmarshal(state, &saved); err != nil || saved.Version != savedVersion {
		return fmt.Errorf("%w: not one of version %d", ErrState, savedVersion)
	}
	for _, b := range saved.Sessions {
		if e, ok := parseEntry(b); ok && len(e) == len(b) {
			shards[homeOf(e.id(), len(shards))].load(now, e)
		}
		clear(b)
	}
	return nil
}

// load takes in a session that was saved, where that can be gone on with, and its network has room
// for one without a name.
func (s *Server) load(now time.Time, e entry) {
	if !s.sound(now, e) || !s.admit(e) {
		return
	}
	e.setSerial(0) // older than any session of this server
	if !s.sessions.adopt(e) {
		return
	}
	s.sweep.note(e.dueAt(s.cfg.IdleTimeout))
	if !s.gate.arrivals.confirmed(now, string(e.name()), e.network()) {
		s.sessions.drop(e)
	}
}

// sound reports that there is room for a session, that it is not over, and that its records are in
// order: the rest is looked at when it wakes.
func (s *Server) sound(now time.Time, e entry) bool {
	_, err := s.trial.Open(e.parts().records, nil)
	return err == nil && e.id().Len() > 0 && s.room() && now.Before(e.idleAt(s.cfg.IdleTimeout))
}

// admit asks whether the device of a saved session is still let in, and until when.
func (s *Server) admit(e entry) bool {
	h := e.holder()
	client, err := s.cfg.Authorize(h.Suite, h.Credential)
	e.setUntil(client.Until)
	return err == nil && h.Admits(client)
}
