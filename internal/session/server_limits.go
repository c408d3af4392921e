package session

import (
	"io"
	"net/netip"
	"sync"
	"time"

	"github.com/plgd-dev/go-coap/v3/message/codes"

	"github.com/pqcoap/pqcoap/coap"
	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/internal/admission"
)

// maxHalfOpenDevice is how many half-open sessions may be for one device.
const maxHalfOpenDevice = 4

// A gate is what a Server takes on.
type gate struct {
	unproven, proven *admission.Limiter // m1
	answers, resets  *admission.Limiter
	junk             *admission.Limiter // m1 of proven addresses that do not open
	resumed          admission.Bucket   // m1r whose ticket opens
	resumedRate      admission.Rate
	requests         admission.Rate // of one device
	network          int            // half-open sessions that it may have; 0: any number
	arrivals         *arrivals
	halfOpen         map[string][]*Session // of each device, in the order of their m1
}

func newGate(c *admission.Config, rand io.Reader) gate {
	limiter := func(r admission.Rates) *admission.Limiter { return admission.NewLimiter(secret(rand), r) }
	answers := c.Rates(c.Answers)
	answers.All = 0
	return gate{
		unproven: limiter(c.Rates(c.Unproven)), proven: limiter(c.Rates(c.Proven)),
		answers: limiter(answers), resets: limiter(c.Rates(c.Resets)), junk: limiter(admission.Junk),
		resumedRate: admission.NewRate(c.Resumed, time.Second, c.Resumed*max(1, c.Burst)),
		requests:    admission.NewRate(c.DeviceRequests, time.Second, 4*c.DeviceRequests),
		network:     c.HalfOpenNetwork,
		arrivals: &arrivals{
			devices:   admission.NewDevices(secret(rand), admission.NewRate(c.DeviceSessions, time.Minute, 2*c.DeviceSessions)),
			anonymous: make(map[netip.Prefix]int), most: c.AnonymousNetwork,
		},
		halfOpen: make(map[string][]*Session),
	}
}

func secret(rand io.Reader) (key [16]byte) {
	if _, err := io.ReadFull(rand, key[:]); err != nil {
		panic("session: random source failed: " + err.Error())
	}
	return key
}

// classOf says by which budget a session is made. Where junk comes from, a proven address counts
// as any other.
func (s *Server) classOf(now time.Time, w *Work, t *coap.Transfer) admission.Class {
	switch {
	case w.m1r != nil:
		return admission.Resumed
	case t.Proven() && s.gate.junk.Has(now, t.From().Addr()):
		return admission.Proven
	}
	return admission.Unproven
}

// openTicket opens an m1r, without any KEM operation. What does not open costs a microsecond,
// and counts against its prefix.
func (s *Server) openTicket(now time.Time, w *Work, t *coap.Transfer) bool {
	if w.m1r == nil {
		return true
	}
	w.resumption, w.barred = s.responder.OpenResumption(now, w.m1r, s.cfg.Tickets, s.cfg.Limits)
	if w.resumption == nil {
		s.stats.BadTickets++
		s.gate.answers.Charge(now, t.From().Addr())
		return false
	}
	return true
}

// place gives a session its place and its ID, if there is a budget for its handshake and room for
// it. Else demand says that an Echo may help.
func (s *Server) place(now time.Time, session *Session) (ok, demand bool) {
	from, taken := session.from.Addr(), false
	switch session.class {
	case admission.Resumed:
		taken = s.gate.resumed.Take(s.gate.resumedRate, now)
		s.stats.OverResumed += count(!taken)
	case admission.Proven:
		taken = s.gate.proven.Take(now, from)
		s.stats.OverProven += count(!taken)
	default:
		taken = s.gate.unproven.Take(now, from)
		s.stats.OverUnproven += count(!taken)
	}
	demand = !session.proven && session.class == admission.Unproven
	if !taken {
		return false, demand
	}
	if !s.makeRoom(session) {
		s.stats.NoRoom++
		return false, demand && s.room() // its place may be a forger's
	}
	return s.sessions.reserve(session) == nil, false
}

func count(is bool) uint64 {
	if is {
		return 1
	}
	return 0
}

// turnAway answers who is not admitted.
func (s *Server) turnAway(now time.Time, from asker, demand bool, out *Outbox) {
	if !demand {
		s.fail(now, from, codes.ServiceUnavailable, out)
		return
	}
	s.lane.Demand(now, from.transfer, &s.scrap)
	s.flushPlain(from.transfer.From(), from.at, out)
}

// room tells whether there may be a session more, in whatever shard.
func (s *Server) room() bool { return s.cfg.Group.sessions.Load() < int64(s.cfg.MaxSessions) }

// makeRoom keeps the half-open sessions within their bounds. A full table gives up its oldest
// session of an unproven address before it turns another away, and a network with its full
// share gives one up for a proven address: its share may be a stranger's who forges addresses.
// A ticket has shown who comes, so that no network's share is asked for.
func (s *Server) makeRoom(session *Session) bool {
	if !s.room() {
		return false
	}
	var oldest *Session
	switch {
	case session.class != admission.Resumed && s.gate.network > 0 && s.sessions.byPrefix[session.prefix] >= s.gate.network:
		if !session.proven {
			return false
		}
		oldest = s.sessions.oldestUnproven(session.prefix)
	case s.sessions.halfOpen < s.cfg.MaxHalfOpen:
		return true
	default:
		oldest = s.sessions.oldestUnproven(netip.Prefix{})
	}
	if oldest == nil {
		return false
	}
	s.stats.Expired++
	s.remove(oldest, ErrHandshakeTimeout)
	return true
}

// enter counts a half-open session for its device. One too many takes the place of the oldest: an
// m1 does not prove who sent it, so that nobody must be kept out by those who claim to be him. For
// the same reason those that a ticket has proven are given up last.
func (s *Server) enter(session *Session) {
	name := session.name
	if name == "" {
		return
	}
	list := append(s.gate.halfOpen[name], session)
	s.gate.halfOpen[name] = list
	if len(list) <= maxHalfOpenDevice {
		return
	}
	oldest := list[0]
	for _, other := range list[:maxHalfOpenDevice] {
		if other.class != admission.Resumed {
			oldest = other
			break
		}
	}
	s.stats.DeviceHalfOpen++
	s.remove(oldest, ErrHandshakeTimeout)
}

// leave ends what a session counts for, before its state changes.
func (s *Server) leave(session *Session) {
	name := session.name
	switch {
	case session.state == confirmed && name == "":
		s.gate.arrivals.left(session.prefix)
	case session.state == halfOpen && name != "":
		list := s.gate.halfOpen[name]
		for i, other := range list {
			if other == session {
				list = append(list[:i:i], list[i+1:]...)
				break
			}
		}
		if s.gate.halfOpen[name] = list; len(list) == 0 {
			delete(s.gate.halfOpen, name)
		}
	}
}

// Spend takes one request out of what the device of a session may ask. wait is when to come again
// where that is used up, else 0.
func (s *Server) Spend(now time.Time, session *Session) (wait time.Duration) {
	if session.requests.Take(s.gate.requests, now) {
		return 0
	}
	s.stats.OverRequests++
	return session.requests.Wait(s.gate.requests, now)
}

// An arrivals bounds the sessions that open: those of one device, and those without a name of one
// network. It is safe for concurrent use: work asks it before it answers.
type arrivals struct {
	mu        sync.Mutex
	devices   *admission.Devices
	anonymous map[netip.Prefix]int // confirmed sessions
	most      int                  // of these; 0: any number
}

// refuse is what a device is told that must not open a session now, nil where it may. The device
// is only claimed, so nothing is taken from it.
func (a *arrivals) refuse(now time.Time, name string, from netip.Prefix) *handshake.Refusal {
	a.mu.Lock()
	defer a.mu.Unlock()
	if name == "" {
		if a.full(from) {
			return &handshake.Refusal{Code: handshake.RefusedOverload, RetryAfter: busyRetry, Text: "too many sessions of this network"}
		}
		return nil
	}
	wait := a.devices.Wait(now, name)
	if wait == 0 {
		return nil
	}
	return &handshake.Refusal{
		Code: handshake.RefusedOverload, RetryAfter: wait.Truncate(time.Second) + time.Second, Text: "too many sessions of this device",
	}
}

func (a *arrivals) full(from netip.Prefix) bool { return a.most > 0 && a.anonymous[from] >= a.most }

// confirmed counts a session whose device has shown who it is; false if there is no room for it.
func (a *arrivals) confirmed(now time.Time, name string, from netip.Prefix) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case name != "":
		a.devices.Charge(now, name)
	case a.full(from):
		return false
	default:
		a.anonymous[from]++
	}
	return true
}

// moved counts a session without a name for the network that its device has moved to.
func (a *arrivals) moved(from, to netip.Prefix) {
	a.left(from)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.anonymous[to]++
}

// left forgets a confirmed session without a name.
func (a *arrivals) left(from netip.Prefix) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.anonymous[from]--; a.anonymous[from] <= 0 {
		delete(a.anonymous, from)
	}
}
