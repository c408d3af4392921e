package session

import "time"

// A greeting is what an m1 has brought about, while the same m1 may come again (docs/protocol.md
// section 5). Before the session is confirmed it is the session's, and for a while after that it
// goes by itself.
type greeting struct {
	digest   digest
	work     *Work     // while m2 is being made
	m2       []byte    // when it is
	forgetAt time.Time // zero: with the half-open session
}

// late are the greetings of confirmed sessions, the oldest first.
type late struct {
	list  []*greeting
	bytes int
}

// lateBytes bounds the m2 that all shards keep for confirmed sessions: some 15000 of them.
const lateBytes = 16 << 20

func (l *late) deadline() time.Time {
	if len(l.list) == 0 {
		return time.Time{}
	}
	return l.list[0].forgetAt
}

// remember keeps the greeting of a session that has been confirmed. Its device has m2: a copy of m1
// that is still on its way finds it here, and nothing is encapsulated for it.
func (s *Server) remember(now time.Time, g *greeting) {
	l := &s.late
	g.forgetAt = now.Add(digestMemory)
	l.list = append(l.list, g)
	for l.bytes += len(g.m2); l.bytes > s.cfg.Group.part(lateBytes); {
		s.forgetOldest()
	}
}

// forgetLate forgets what has been remembered long enough.
func (s *Server) forgetLate(now time.Time) {
	for at := s.late.deadline(); !at.IsZero() && !now.Before(at); at = s.late.deadline() {
		s.forgetOldest()
	}
}

func (s *Server) forgetOldest() {
	l := &s.late
	g := l.list[0]
	l.list[0] = nil
	if l.list = l.list[1:]; len(l.list) == 0 {
		l.list = nil
	}
	l.bytes -= len(g.m2)
	s.forget(g)
}

// forget has an m1 be new when it comes again.
func (s *Server) forget(g *greeting) {
	if g == nil {
		return
	}
	if known, _ := s.pending.get(g.digest); known == g {
		s.pending.delete(g.digest)
		s.cfg.Group.disclaim(g.digest)
	}
}
