// Package lasting drives a device and a server through what happens to sessions that last: loss,
// sleep, crashes, restarts, moving addresses, and attackers who copy.
//
// Start with [New] and a [World]'s operations: [World.Open], [World.Request], [World.Sleep],
// [World.Restart] and so on, and [World.Pass], which lets time go by. It is the engine of
// internal/session under a virtual clock, by an event heap; nothing in it waits. What must hold
// whatever happens is looked at in each step, and the first breach is [World.Err]: no nonce twice
// under one key, no request handled twice, nothing acknowledged that was not handled, no answer
// that was not asked for, and no more than three times the bytes to an attacker.
//
// [Scenarios] are those whose cost is measured.
package lasting

import (
	"container/heap"
	"errors"
	"math/rand/v2"
	"net/netip"
	"time"

	"github.com/pqcoap/pqcoap/coap"
	"github.com/pqcoap/pqcoap/conformance/audit"
	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/internal/session"
)

// Epoch is when the virtual clock starts.
var Epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// Server is the server's address.
var Server = netip.MustParseAddrPort("192.0.2.1:5688")

// DefaultDelay is that of a new world's link, one way.
const DefaultDelay = 50 * time.Millisecond

var (
	errAmplified = errors.New("more than three times the bytes to an address that is nobody's")
	errTwice     = errors.New("a request was handled twice")
	errUnheard   = errors.New("a request was acknowledged that was not handled")
	errGarbled   = errors.New("a body has changed on its way")
	errUnasked   = errors.New("a response to nothing")
)

// A Config says what a World is made of. Updates are of both sides.
type Config struct {
	Suite                  handshake.Suite
	Seed                   uint64
	DeviceUpdate, ToUpdate session.Update // of the device and of the server
	RestAfter              time.Duration  // of the server's sessions; 0: as it is by default
}

// A World is a device, a server, and what is between them.
type World struct {
	Now     time.Time
	Delay   time.Duration // one way
	Loss    float64       // behind the end of Script
	Script  []Fate        // of the next datagrams
	Audit   audit.Auditor
	Traffic Traffic
	Stolen  Count          // what went to attackers
	Address netip.AddrPort // of the device
	Err     error          // the first breach
	Seen    Seen           // what there was of the following

	Ephemeral bool          // resumptions have a KEM key
	Think     time.Duration // that a handler takes

	cfg      Config
	id       identity
	random   *rand.ChaCha8
	loss     *rand.Rand
	events   eventHeap
	order    uint64
	out      session.Outbox
	requests tally

	attackers uint16
	given     map[netip.AddrPort]int // what may still go to an attacker

	device *session.Device // nil: there is none
	ticket *handshake.ResumptionState
	state  []byte // of a device that sleeps
	ended  error  // why the last device ended

	server  *session.Server
	tickets *handshake.TicketKeys
	secrets [3][32]byte
	era     uint32
	revoked bool
	down    bool // the server is not there
	plain   int  // bytes of what is no record

	ids [][]byte // connection IDs that the server has given
}

// New is a world with a server and a device that has not been opened yet.
func New(cfg Config) (*World, error) {
	id, err := identityOf(cfg.Suite)
	if err != nil {
		return nil, err
	}
	w := &World{
		Now: Epoch, Delay: DefaultDelay, cfg: cfg, id: id, random: source(cfg.Seed),
		Address: netip.MustParseAddrPort("198.51.100.7:40000"),
		loss:    rand.New(rand.NewPCG(cfg.Seed, 1)),
		given:   make(map[netip.AddrPort]int),
	}
	for i := range w.secrets {
		w.random.Read(w.secrets[i][:])
	}
	if w.tickets, err = handshake.NewTicketKeys(w.random, w.Now); err != nil {
		return nil, err
	}
	w.server = w.newServer()
	return w, nil
}

func (w *World) newServer() *session.Server {
	return session.NewServer(session.ServerConfig{
		Identities: []handshake.Identity{w.id.server.Identity()},
		Authorize:  w.authorize,
		Rand:       w.random,
		Echo:       coap.NewEchoKeys(w.secrets[0], w.secrets[1]),
		ResetKey:   w.secrets[2],
		Era:        w.era,
		Tickets:    w.tickets,
		Update:     w.cfg.ToUpdate,
		RestAfter:  w.cfg.RestAfter,
	})
}

// fail notes the first breach.
func (w *World) fail(err error) {
	if w.Err == nil {
		w.Err = err
	}
}

// Pass lets time go by.
func (w *World) Pass(d time.Duration) {
	w.until(w.Now.Add(d), func() bool { return false })
}

// Until lets time go by until done, and reports whether that came within d.
func (w *World) Until(d time.Duration, done func() bool) bool { return w.until(w.Now.Add(d), done) }

func (w *World) until(end time.Time, done func() bool) bool {
	for !done() {
		at := w.next()
		if at.IsZero() || at.After(end) {
			w.Now = end
			return done()
		}
		if at.After(w.Now) {
			w.Now = at
		}
		w.step()
	}
	return true
}

// next is when something happens.
func (w *World) next() time.Time {
	at := w.server.Deadline()
	if w.device != nil {
		at = sooner(at, w.device.Deadline())
	}
	if len(w.events) > 0 {
		at = sooner(at, w.events[0].at)
	}
	return at
}

// sooner is the earlier of two times, of which zero is never.
func sooner(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// step does what is due: one event, or what the ends have to do.
func (w *World) step() {
	if len(w.events) > 0 && !w.events[0].at.After(w.Now) {
		heap.Pop(&w.events).(event).do()
		return
	}
	if w.due(w.server.Deadline()) {
		w.server.Advance(w.Now, &w.out)
		w.fromServer()
	}
	if w.device != nil && w.due(w.device.Deadline()) {
		w.device.Advance(w.Now, &w.out)
		w.fromDevice()
	}
}

// due reports that a time has come. Whoever has nothing to do is left alone: it may look at the age
// of its keys where it is called.
func (w *World) due(at time.Time) bool { return !at.IsZero() && !at.After(w.Now) }

// send puts on the link what is in the outbox.
func (w *World) send(from netip.AddrPort) {
	for to, datagram := range w.out.All() {
		if from != Server {
			to = Server
		}
		w.carry(from, to, datagram)
	}
	w.out.Reset()
}
