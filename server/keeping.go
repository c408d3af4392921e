package server

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/pqcoap/pqcoap/coap"
	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/internal/session"
)

// renewAgain is how often the server looks whether a credential of its own is due.
const renewAgain = time.Minute

// renew makes what credentials of its own the server of a folder lacks, and reads all anew then.
func (d *Dir) renew(now time.Time) error {
	settings := &d.settings().Authority
	renewed, err := d.standing.Load().renew(d.Path, d.opener, settings.Name, settings.serverLifetime(), now)
	if err != nil || len(renewed) == 0 {
		return err
	}
	st, err := loadStanding(d.Path, d.opener, now)
	if err == nil {
		d.standing.Store(st)
	}
	return err
}

// keepDevices keeps sessions to what has changed in the registry.
func (s *Server) keepDevices(names map[string]struct{}, all bool) {
	if all {
		s.Recheck()
		s.endDenied()
		return
	}
	for name := range names {
		s.reconsider(time.Now(), name, enrolling+name)
	}
}

// reconsider asks again about the sessions of some devices, and about what they observe.
func (s *Server) reconsider(now time.Time, names ...string) {
	s.mu.Lock()
	s.checked = now
	s.mu.Unlock()
	for _, one := range s.all() {
		one.reconsider(names)
	}
}

func (s *shard) reconsider(names []string) {
	s.mu.Lock()
	var list []session.Holder
	for _, name := range names {
		list = append(list, s.engine.HoldersOf(name)...)
	}
	s.mu.Unlock()
	for _, one := range list {
		if !s.recheck(one) {
			s.endDeniedOf(one.Ref)
		}
	}
}

// endDenied ends what devices observe and must not any more.
func (s *Server) endDenied() {
	for _, at := range s.all() {
		at.mu.Lock()
		list := at.engine.Awake() // those at rest observe nothing
		at.mu.Unlock()
		for _, one := range list {
			at.endDeniedOf(one.Ref())
		}
	}
}

// endDeniedOf does that for one session. What a device may is looked up without the lock.
func (s *shard) endDeniedOf(ref session.Ref) {
	s.mu.Lock()
	one, observed := s.engine.AwakeOf(ref), false
	if one != nil {
		observed = s.endpointOf(one).Observed()
	}
	s.mu.Unlock()
	if !observed {
		return
	}
	may, err := s.cfg.dir.permit(one.Device())
	s.mu.Lock()
	defer s.mu.Unlock()
	if one = s.engine.AwakeOf(ref); s.over || one == nil {
		return
	}
	now := time.Now()
	s.endpointOf(one).EndDenied(now, func(m *coap.Message) bool { return err == nil && may.allows(m) })
	s.flush(now)
}

// keepStanding takes keys, credentials and authorities as the files have them, and renews the
// server's own credentials.
func (s *Server) keepStanding(now time.Time, dir *Dir, changed bool) {
	before := dir.standing.Load()
	if !changed && now.Sub(s.identity.tried) < renewAgain {
		return
	}
	s.identity.tried = now
	if changed || before.stale(now) {
		st, err := loadStanding(dir.Path, dir.opener, now)
		if err != nil {
			s.log.Error("keys and authorities are not read anew, those read before stay", "error", err)
			return
		}
		dir.standing.Store(st)
	}
	if err := dir.renew(now); err != nil {
		s.log.Error("the server's own credential is not renewed", "error", err)
	}
	if st := dir.standing.Load(); st != before {
		s.stand(now, before, st)
	}
}

// stand has the server be what it is from now on.
func (s *Server) stand(now time.Time, before, st *standing) {
	s.each(func(_ time.Time, one *shard) { one.engine.SetIdentities(st.identities) })
	s.tellKeys(now, before.keys.current, st.keys.current, "server key")
	s.tellKeys(now, st.keys.all(), before.keys.all(), "server key retired")
	for suite, token := range st.tokens {
		if was, ok := before.tokens[suite]; !ok || was.Claims.ID != token.Claims.ID {
			s.log.Info("the server has a new credential", "suite", suite.String(), "until", token.Claims.Expires)
			s.told(s.audit.Load().Rotated(now, "server credential", token.Claims.ID[:]))
		}
	}
	for _, t := range before.ca.Trusted.Trusts() {
		if !st.trusts(t.Key.ID()) {
			s.log.Warn("an authority is not trusted any more", "issuer", t.Issuer, "key", t.Key.String())
			s.Recheck()
			return
		}
	}
}

// tellKeys tells of the keys that are in the second list and not in the first.
func (s *Server) tellKeys(now time.Time, before, after []*handshake.PrivateKey, what string) {
	for _, key := range after {
		if hasKey(before, key) {
			continue
		}
		kid := key.ServerCredential().KeyID()
		s.log.Info(what, "suite", key.Suite().String(), "fingerprint", key.ServerCredential().Fingerprint())
		s.told(s.audit.Load().Rotated(now, what, kid[:]))
	}
}

// stamps are the files with keys, credentials and authorities of a folder, as they were seen last.
type stamps struct {
	path string
	seen map[string]os.FileInfo
}

func newStamps(path string) *stamps {
	s := &stamps{path: path}
	s.changed()
	return s
}

// changed tells whether any file has come, gone or been replaced since the last call.
func (s *stamps) changed() bool {
	now := make(map[string]os.FileInfo)
	for _, name := range []string{caKeyFile, caFile} {
		if info, err := os.Stat(filepath.Join(s.path, name)); err == nil {
			now[name] = info
		}
	}
	for _, folder := range []string{keysFolder, caFolder} {
		entries, err := os.ReadDir(filepath.Join(s.path, folder))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return false // what cannot be read has not changed
		}
		for _, e := range entries {
			if info, err := e.Info(); err == nil && filepath.Ext(e.Name()) != ".new" {
				now[filepath.Join(folder, e.Name())] = info
			}
		}
	}
	before := s.seen
	s.seen = now
	if len(before) != len(now) {
		return true
	}
	for name, info := range now {
		if !sameFile(info, before[name]) {
			return true
		}
	}
	return false
}
