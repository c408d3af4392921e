package server

import (
	"time"

	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/internal/session"
)

// upkeepInterval is how often the files of the folder are looked at.
const upkeepInterval = 500 * time.Millisecond

// upkeep keeps to what the folder says while the server runs: who is enrolled, and the keys of
// tickets.
func (s *Server) upkeep() {
	dir := s.cfg.dir
	ticker := time.NewTicker(upkeepInterval)
	defer ticker.Stop()
	known := s.devices
	for {
		select {
		case <-s.ctx.Done():
			return
		case <-ticker.C:
		}
		if version := dir.Devices.Version(); version != known {
			known = version
			s.Recheck()
		}
		s.keepTickets(time.Now(), dir)
	}
}

func (s *Server) keepTickets(now time.Time, dir *Dir) {
	if dir.tickets == nil {
		return
	}
	changed, err := dir.tickets.keep(now, dir.Settings.rotation(), dir.Settings.limits().Lifetime)
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
// a folder does it whenever the devices enrolled have changed.
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
	if err == nil && one.Admits(client) {
		return false
	}
	s.log.Warn("device is not let in any more", "device", one.Name)
	return peer{s, one.Ref}.Close() == nil
}

// recheckLate asks about a session that was granted before the last Recheck and confirmed behind
// it. The caller holds the lock.
func (s *shard) recheckLate(one *session.Session) {
	if !s.over && !one.Asked().After(s.lastCheck()) {
		holder := one.Holder()
		s.tasks.Go(func() { s.recheck(holder) })
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

// identities are those of keys that no authority vouches for.
func identities(keys []*handshake.PrivateKey) []handshake.Identity {
	var ids []handshake.Identity
	for _, k := range keys {
		ids = append(ids, k.Identity())
	}
	return ids
}
