package server

import (
	"path/filepath"
	"time"

	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/internal/session"
)

// upkeepInterval is how often the files of the folder are looked at.
const upkeepInterval = 500 * time.Millisecond

// upkeep keeps to what the folder says while the server runs: who is enrolled, the keys of tickets,
// the settings. It writes the audit log.
func (s *Server) upkeep() {
	dir := s.cfg.dir
	ticker := time.NewTicker(upkeepInterval)
	defer ticker.Stop()
	files := newStamps(dir.Path)
	settings := newWatch(filepath.Join(dir.Path, settingsFile))
	for {
		select {
		case <-s.ctx.Done():
			return
		case <-dir.Devices.Changed():
			s.keepDevices(dir.Devices.Touched())
		case <-ticker.C:
			now := time.Now()
			if err := dir.Devices.Keep(now); err != nil {
				s.log.Warn("not written when devices were seen", "error", err)
			}
			s.keepStanding(now, dir, files.changed())
			s.keepTickets(now, dir)
			if settings.changed() {
				s.ReloadFile() // which logs what has come of it
			}
			s.told(s.audit.Load().Flush(now))
		}
	}
}

func (s *Server) keepTickets(now time.Time, dir *Dir) {
	if dir.tickets == nil {
		return
	}
	settings := dir.settings()
	changed, err := dir.tickets.keep(now, settings.rotation(), settings.limits().Lifetime)
	if err != nil {
		s.log.Warn("ticket keys not renewed, those in use stay", "error", err)
	}
	if changed {
		s.log.Info("ticket keys have changed", "newest", dir.tickets.keys.Newest())
		s.SetTickets(dir.tickets.keys)
	}
}

// SetTickets replaces the keys of tickets; nil: devices cannot resume any more.
func (s *Server) SetTickets(keys *handshake.TicketKeys) {
	s.mu.Lock()
	s.cfg.Tickets = keys
	s.mu.Unlock()
	s.each(func(_ time.Time, one *shard) { one.engine.SetTickets(keys) })
}

// Recheck asks the Authorizer again about every device that is connected, and ends the sessions of
// those that are not let in any more, or with another key. It returns their number. The server of
// a folder does it by itself for devices that have changed.
func (s *Server) Recheck() (ended int) {
	s.mu.Lock()
	s.checked = time.Now()
	s.mu.Unlock()
	for _, one := range s.all() {
		ended += one.recheckAll()
	}
	return ended
}

// recheckAll asks about all sessions of a shard.
func (s *shard) recheckAll() (ended int) {
	for page, more := (session.Page{}), true; more; more = page != (session.Page{}) {
		s.mu.Lock()
		if s.over {
			s.mu.Unlock()
			return ended
		}
		var list []session.Holder
		list, page = s.engine.Holders(page)
		s.mu.Unlock()
		for _, one := range list {
			if s.recheck(one) {
				ended++
			}
		}
	}
	return ended
}

// recheck asks about one session, and tells whether it has ended it.
func (s *shard) recheck(one session.Holder) bool {
	client, err := s.cfg.Authorize(one.Suite, one.Credential)
	if err == nil && one.Admits(client) && s.extend(one.Ref, client.Until) {
		return false
	}
	s.log.Warn("device is not let in any more", "device", one.Name)
	return peer{s, one.Ref}.Close() == nil
}

// extend has a session go on until a time, zero: for good. False where that is over.
func (s *shard) extend(one session.Ref, until time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	if !until.IsZero() && !now.Before(until) {
		return false
	}
	if !s.over {
		s.engine.Extend(now, one, until)
		s.flush(now)
	}
	return true
}

// recheckDue asks about a session whose time is over, if it is not extended. The caller holds the lock.
func (s *shard) recheckDue(one *session.Session) {
	holder := one.Holder()
	s.tasks.Go(func() { s.recheck(holder) })
}

// recheckLate asks about a session that was granted before the last Recheck and confirmed behind
// it. The caller holds the lock.
func (s *shard) recheckLate(one *session.Session) {
	if !s.over && !one.Asked().After(s.lastCheck()) {
		s.recheckDue(one)
	}
}

// lastCheck is when Recheck was last called.
func (s *Server) lastCheck() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.checked
}

// Disconnect ends the session of a device, and tells it; false where it has none. It can come back:
// who must not is removed from what the Authorizer lets in.
func (s *Server) Disconnect(name string) bool {
	device := s.Device(name)
	return device != nil && device.Close() == nil
}
