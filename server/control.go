package server

import (
	"github.com/pqcoap/pqcoap/server/control"
)

// keepFolder begins what the server of a folder does besides serving: it looks after the files, and
// takes the commands that concern devices. What it returns ends the latter.
func (s *Server) keepFolder() (closeControl func()) {
	dir := s.cfg.dir
	if dir == nil {
		return func() {}
	}
	s.tasks.Go(s.upkeep)
	if dir.NoControl {
		return func() {}
	}
	listener, err := control.Listen(dir.Path, dir.Devices)
	if err != nil {
		s.log.Warn("commands cannot reach the devices while the server runs", "error", err)
		return func() {}
	}
	s.tasks.Go(listener.Serve)
	return func() {
		if err := listener.Close(); err != nil {
			s.log.Warn("control socket", "error", err)
		}
	}
}

// releaseFolder gives the devices to whoever opens them next.
func (s *Server) releaseFolder() {
	if s.cfg.dir == nil {
		return
	}
	if err := s.cfg.dir.release(); err != nil {
		s.log.Warn("devices not closed in order", "error", err)
	}
}
