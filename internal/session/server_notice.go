package session

import (
	"time"

	"github.com/plgd-dev/go-coap/v3/message/codes"
)

// A Notice is what a Server tells another of its Group. It touches nothing of the sender's.
type Notice struct {
	From int // the shard

	kind   noticeKind
	device string // noticeOpen
	serial uint64
	digest digest // noticeRepeat
	asker  asker
	body   []byte // noticeAnswer; nil: code
	code   codes.Code
}

type noticeKind uint8

const (
	noticeOpen   noticeKind = iota // a device has a session in another shard
	noticeRepeat                   // an m1 has come to another shard, and its session is here
	noticeAnswer                   // to an m1 that came here
)

// tell has a notice go to a shard.
func (s *Server) notify(to int, n Notice) {
	n.From = s.cfg.Shard
	s.emit(Event{Kind: EventNotice, Shard: to, Notice: &n})
}

// notifyAll has a notice go to all other shards.
func (s *Server) notifyAll(n Notice) {
	for to := range s.cfg.Group.shards {
		if to != s.cfg.Shard {
			s.notify(to, n)
		}
	}
}

// Hear takes a notice of another shard.
func (s *Server) Hear(now time.Time, n *Notice, out *Outbox) {
	switch n.kind {
	case noticeOpen:
		s.opensElsewhere(now, n, out)
	case noticeRepeat:
		if known, found := s.pending.get(n.digest); found { // else it is over, and m1 comes again
			s.repeat(now, known, n.asker, out)
		}
	case noticeAnswer:
		s.reply(now, n.asker, n.body, n.code, out)
	}
}

// opensElsewhere replaces the session of a device that has a newer one in another shard.
func (s *Server) opensElsewhere(now time.Time, n *Notice, out *Outbox) {
	old, atRest := s.sessions.device(n.device)
	switch {
	case atRest != nil && atRest.serial() < n.serial:
		old = s.wake(now, atRest)
	case old == nil || old.serial > n.serial:
		return
	}
	if old != nil {
		s.sessions.unname(old)
		s.retire(now, old, out)
	}
}

// reply answers an m1, or has the shard do it that it has come to.
func (s *Server) reply(now time.Time, to asker, body []byte, code codes.Code, out *Outbox) {
	switch {
	case to.shard != s.cfg.Shard:
		s.notify(to.shard, Notice{kind: noticeAnswer, asker: to, body: body, code: code})
		return
	case body == nil:
		s.fail(now, to, code, out)
		return
	}
	s.lane.Answer(now, to.transfer, body, &s.scrap)
	s.flushPlain(to.transfer.From(), to.at, out)
}
