package server

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"time"

	"github.com/pqcoap/pqcoap/internal/config"
	"github.com/pqcoap/pqcoap/internal/session"
)

// ErrNoFolder says that a server has no folder whose settings it could take.
var ErrNoFolder = errors.New("server: not that of a folder")

// Reload takes settings while the server runs, as ParseSettings returns them. Of what they say other
// than the settings before, it takes what the table of keys has as such (docs/configuration.md), and
// returns the keys; waiting are those that need a restart. A key that has been set otherwise than in
// the file, by a flag, stays as it is and waits too.
func (s *Server) Reload(next Settings) (taken, waiting []string, err error) {
	dir := s.cfg.dir
	if dir == nil {
		return nil, nil, ErrNoFolder
	}
	s.reloading.Lock()
	defer s.reloading.Unlock()
	live := *dir.settings()
	taken, waiting = live.take(&dir.read, &next)
	dir.read = next
	dir.live.Store(&live)
	err = s.openAudit(live.Audit)
	s.setPolicy(session.Policy{
		AlwaysEcho: live.Echo == EchoAlways, Limits: live.limits(), Update: live.update(), IdleTimeout: live.idle(),
	})
	s.Recheck() // anonymous devices, perhaps
	s.endDenied()
	return taken, waiting, err
}

// setPolicy has all shards, also those that are still to be made, go by a policy.
func (s *Server) setPolicy(p session.Policy) {
	s.mu.Lock()
	s.cfg.AlwaysEcho, s.cfg.Limits, s.cfg.Update, s.cfg.IdleTimeout = p.AlwaysEcho, p.Limits, p.Update, p.IdleTimeout
	s.mu.Unlock()
	s.each(func(_ time.Time, one *shard) { one.engine.SetPolicy(p) })
}

// take takes from next what is other than in before and can be taken.
func (s *Settings) take(before, next *Settings) (taken, waiting []string) {
	live, was, will := reflect.ValueOf(s).Elem(), reflect.ValueOf(before).Elem(), reflect.ValueOf(next).Elem()
	for i := range live.NumField() {
		key := live.Type().Field(i).Tag.Get("toml")
		old, fresh := was.Field(i).Interface(), will.Field(i).Interface()
		switch {
		case reflect.DeepEqual(old, fresh):
		case config.Server.Reloads(key) && reflect.DeepEqual(live.Field(i).Interface(), old):
			live.Field(i).Set(will.Field(i))
			taken = append(taken, key)
		default:
			waiting = append(waiting, key)
		}
	}
	return taken, waiting
}

// Settings are those in use, of a server of a folder.
func (s *Server) Settings() Settings {
	if s.cfg.dir == nil {
		return Settings{}
	}
	return *s.cfg.dir.settings()
}

// settings are those in use. They do not change: a reload puts others in their place.
func (d *Dir) settings() *Settings {
	if live := d.live.Load(); live != nil {
		return live
	}
	return &d.Settings
}

// ReloadFile reads server.toml again and opens audit.log anew, as on SIGHUP. A file with an error
// in it changes nothing. What has come of it is in the log.
func (s *Server) ReloadFile() error {
	dir := s.cfg.dir
	if dir == nil {
		return ErrNoFolder
	}
	now := time.Now()
	if err := s.audit.Load().Reopen(now); err != nil {
		s.log.Error("audit log not opened anew", "error", err)
	}
	next, err := loadSettings(filepath.Join(dir.Path, settingsFile))
	if err != nil {
		s.log.Error("server.toml is not used: the settings read before stay", "error", err)
		s.told(s.audit.Load().Reloaded(now, nil, err))
		return err
	}
	taken, waiting, err := s.Reload(next)
	if err != nil {
		s.log.Error("not all of server.toml is used", "error", err)
	}
	s.log.Info("server.toml read again", "changed", taken)
	for _, key := range waiting {
		s.log.Warn("changed in server.toml, but not before a restart", "key", key)
	}
	s.told(s.audit.Load().Reloaded(now, taken, err))
	return err
}

// A watch notices that a file has been changed, when it has stayed as it is for a while: an editor
// may be at work.
type watch struct {
	name       string
	used, seen os.FileInfo
}

// newWatch begins with the file as it is.
func newWatch(name string) *watch {
	info, _ := os.Stat(name) // nil: any file is a change
	return &watch{name, info, info}
}

// changed is called every now and then, and true once for each change.
func (w *watch) changed() bool {
	info, err := os.Stat(w.name)
	if err != nil {
		return false // a file that is gone takes no setting with it
	}
	settled := sameFile(info, w.seen)
	w.seen = info
	if !settled || sameFile(info, w.used) {
		return false
	}
	w.used = info
	return true
}

// sameFile says that nobody replaced or changed a file.
func sameFile(a, b os.FileInfo) bool {
	return a != nil && b != nil && os.SameFile(a, b) && a.Size() == b.Size() && a.ModTime().Equal(b.ModTime())
}
