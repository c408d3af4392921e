package record

import (
	"io"
	"net/netip"
	"slices"
	"time"
)

const (
	// defaultPathTime is T where no round trip is known (RFC 9853 section 5.5).
	defaultPathTime = time.Second
	// amplification is how many times the bytes from an unproven address may go back to it.
	amplification = 3
	// aliveFor is how long after a record from the proven address a move of the peer is
	// improbable: no NAT forgets a mapping that soon.
	aliveFor = 10 * time.Second
	// provenFor is the same after an answer to a challenge: somebody copies records. quietFor
	// is how long nothing is asked then, so that who copies does not keep the peer busy.
	provenFor = time.Minute
	quietFor  = 10 * time.Second
	// challengesPerTime is how often a challenge is sent in T: once a round trip.
	challengesPerTime = 3
	// cookieMemory is how many challenges of a check can be answered, on each path.
	cookieMemory = 2 * challengesPerTime
	// answerTime is how long the first challenge to a new address waits for the answer to what came
	// from there: a device that wakes to send a reading has it acknowledged before it is asked.
	answerTime = 20 * time.Millisecond
	// challengeRoom is kept for a challenge where there is no proven address to fall back on.
	challengeRoom = 40
)

// A PathEvent says what has come of a change of address.
type PathEvent uint8

const (
	PathNone   PathEvent = iota
	PathCheck            // an authentic record came from a new address, which is checked
	PathMoved            // Address is another now
	PathKept             // the peer is where it was
	PathFailed           // nobody has answered; Address is what it was
)

// A Path is where the peer of a session is (RFC 9853). Records are read from any address; what is
// sent goes to one that has proved it is the peer's. A new address is checked by challenges on
// both paths, the old and the new: only one that answers, while the old does not, is moved to.
//
//	event := path.Receive(now, from, len(datagram), moves) // a datagram of which a record opened
//	event, err := path.Handle(now, content)                // a record of type ReturnRoutability
//	to := path.Route(now, size, answer)                    // for every datagram sent, answers first
//	m, to, ok, err := path.Challenge(now, rand, size)      // until not ok
//	event = path.Advance(now)                              // at path.Deadline()
//
// The side whose peer never moves needs no Path, only PathMessage.Answer.
type Path struct {
	address    netip.AddrPort
	unheard    bool          // nothing proves the address yet
	time       time.Duration // T
	aliveUntil time.Time     // the proven address is in use, as far as we know
	quietUntil time.Time     // until then no check begins
	challenged time.Time     // when the proven address was last sent a challenge
	old        []Cookie      // of challenges to it since a check began, whatever address that is of now

	new candidate
}

// A candidate is a new address of the peer while it is checked.
type candidate struct {
	address        netip.AddrPort // the zero value: there is none
	received, sent int            // bytes
	answered       bool           // from the new address
	oldOver        bool           // nothing is expected from the proven address any more
	cookies        []Cookie       // of challenges to the new address
	since, next    time.Time
}

// NewPath returns the Path of a peer that is known to have received something at an address,
// such as m2 of the handshake.
func NewPath(address netip.AddrPort) *Path {
	return &Path{address: unmap(address), time: defaultPathTime}
}

// NewUnheardPath returns the Path of a peer whose handshake came from an address that anybody may
// have copied it from. A record from there proves it; until then nothing goes there, and an
// address from which a record comes need only answer for itself.
func NewUnheardPath(address netip.AddrPort) *Path {
	p := NewPath(address)
	p.unheard = true
	return p
}

func unmap(a netip.AddrPort) netip.AddrPort { return netip.AddrPortFrom(a.Addr().Unmap(), a.Port()) }

// Address is the proven address of the peer. It is all of a Path that is worth keeping while a
// session sleeps.
func (p *Path) Address() netip.AddrPort { return p.address }

// Heard reports that something proves Address.
func (p *Path) Heard() bool { return !p.unheard }

// Checking returns the address that is checked, if there is one.
func (p *Path) Checking() (netip.AddrPort, bool) { return p.new.address, p.checking() }

func (p *Path) checking() bool { return p.new.address.IsValid() }

// SetRTT sets T to three round trips of the proven path, at least 50 ms.
func (p *Path) SetRTT(rtt time.Duration) { p.time = max(3*rtt, 50*time.Millisecond) }

// Receive notes a datagram of which at least one record opened; moves is that of Record.Moves for
// one of them. Only such a datagram starts or ends a check: what was copied and comes late tells
// nothing about where the peer is, and what answers a challenge must not bring about the next.
func (p *Path) Receive(now time.Time, from netip.AddrPort, size int, moves bool) PathEvent {
	from = unmap(from)
	switch {
	case from == p.address && moves:
		p.unheard = false
		p.alive(now.Add(aliveFor))
		return p.kept()
	case from == p.address:
	case from == p.new.address:
		p.new.received += size
	case moves && !now.Before(p.quietUntil):
		if !p.checking() {
			p.old = nil
		}
		p.new = candidate{address: from, received: size, since: now, next: now.Add(answerTime), oldOver: p.unheard}
		return PathCheck
	}
	return PathNone
}

// kept ends a check, if there is one: the peer is where it was.
func (p *Path) kept() PathEvent {
	if !p.checking() {
		return PathNone
	}
	p.new, p.old = candidate{}, nil
	return PathKept
}

func (p *Path) alive(until time.Time) {
	if until.After(p.aliveUntil) {
		p.aliveUntil = until
	}
}

// Handle takes the content of a record of type ReturnRoutability. Answers to no challenge of ours
// and types that are not known are ignored (RFC 9853 section 5.4); the error is ErrMessage. A
// challenge of the peer is not a matter of Path: see PathMessage.Answer.
func (p *Path) Handle(now time.Time, content []byte) (PathEvent, error) {
	m, err := ParsePathMessage(content)
	if err != nil {
		return PathNone, err
	}
	switch old := p.checking() && slices.Contains(p.old, m.Cookie); {
	case m.Type == PathResponse && old:
		p.alive(now.Add(provenFor))
		p.quietUntil = now.Add(quietFor)
		return p.kept(), nil
	case m.Type == PathDrop && old:
		p.new.oldOver, p.aliveUntil = true, time.Time{}
	case m.Type == PathResponse && slices.Contains(p.new.cookies, m.Cookie):
		p.new.answered = true
	default:
		return PathNone, nil
	}
	return p.verdict(now), nil
}

// verdict moves to the new address once it has answered and the old one had T to do so, and gives
// it up after 2 T.
func (p *Path) verdict(now time.Time) PathEvent {
	if !p.checking() {
		return PathNone
	}
	p.new.oldOver = p.new.oldOver || !now.Before(p.new.since.Add(p.time))
	switch {
	case p.new.answered && p.new.oldOver:
		*p = Path{address: p.new.address, time: p.time, aliveUntil: now.Add(aliveFor)}
		return PathMoved
	case !now.Before(p.end()):
		p.new, p.old = candidate{}, nil
		return PathFailed
	}
	return PathNone
}

func (p *Path) end() time.Time { return p.new.since.Add(2 * p.time) }

// Advance ends a check whose time is over.
func (p *Path) Advance(now time.Time) PathEvent { return p.verdict(now) }

// Deadline is when Challenge or Advance has something to do, zero if no address is checked.
func (p *Path) Deadline() time.Time {
	if !p.checking() {
		return time.Time{}
	}
	d := p.end()
	if !p.new.answered {
		d = sooner(d, p.new.next)
	}
	if !p.new.oldOver {
		d = sooner(d, p.new.since.Add(p.time))
		d = sooner(d, p.challenged.Add(p.pace()))
	}
	return d
}

func sooner(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// Route returns where a datagram of that size goes, and counts it. What answers something that the
// peer has sent goes to the new address while that is checked, within three times the bytes that
// came from there, unless the old one has been in use until just now. All else goes to the proven
// address. The zero AddrPort is for what may go nowhere yet.
func (p *Path) Route(now time.Time, size int, answer bool) netip.AddrPort {
	if p.unheard {
		if p.checking() && p.new.sent+size+challengeRoom <= amplification*p.new.received && p.spend(size) {
			return p.new.address
		}
		return netip.AddrPort{}
	}
	if answer && p.checking() && !now.Before(p.aliveUntil) && p.spend(size) {
		return p.new.address
	}
	return p.address
}

// spend takes bytes from what may go to the new address.
func (p *Path) spend(size int) bool {
	if p.new.sent+size > amplification*p.new.received {
		return false
	}
	p.new.sent += size
	return true
}

// Challenge returns a challenge that is due and where to send it, in a datagram of its own of that
// size. Each has a cookie of its own from rand.
func (p *Path) Challenge(now time.Time, rand io.Reader, size int) (m PathMessage, to netip.AddrPort, ok bool, err error) {
	if !p.checking() {
		return m, to, false, nil
	}
	if p.oldDue(now) {
		m, err = p.challenge(&p.old, rand)
		p.challenged = now
		return m, p.address, err == nil, err
	}
	if p.new.answered || now.Before(p.new.next) {
		return m, to, false, nil
	}
	p.new.next = now.Add(p.pace())
	if !p.spend(size) {
		return m, to, false, nil
	}
	m, err = p.challenge(&p.new.cookies, rand)
	return m, p.new.address, err == nil, err
}

// oldDue reports that the proven address has to be asked: in the first T of a check, once a round
// trip, however many addresses records are copied from.
func (p *Path) oldDue(now time.Time) bool {
	return !p.new.oldOver && !now.Before(p.challenged.Add(p.pace()))
}

// pace is a round trip, rounded up so that T has no more of them than it should.
func (p *Path) pace() time.Duration { return (p.time + challengesPerTime - 1) / challengesPerTime }

func (p *Path) challenge(cookies *[]Cookie, rand io.Reader) (m PathMessage, err error) {
	if _, err = io.ReadFull(rand, m.Cookie[:]); err != nil {
		return m, err
	}
	if len(*cookies) == cookieMemory {
		*cookies = slices.Delete(*cookies, 0, 1)
	}
	*cookies = append(*cookies, m.Cookie)
	return m, nil
}
