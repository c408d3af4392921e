package lasting

import (
	"errors"
	"fmt"
	"time"

	"github.com/pqcoap/pqcoap/handshake"
)

// A Scenario is something that happens to a device with a session, which then has a reading to
// send. Its bounds are of what that costs; a bound of 0 is none.
type Scenario struct {
	Name   string
	happen func(*World) error

	Datagrams  int // each way until the reading is acknowledged
	RoundTrips int
	Resumed    int // sessions opened by a ticket
	Full       int // and by a full handshake
	Handshake  int // bytes of what is no record
	NewTicket  int // the same, with the ticket for the session after and its acknowledgement
}

// Budgets of UDP payload in a small resumption, without and with the new ticket.
const (
	smallResumption  = 250
	ticketResumption = 430
)

const day = 24 * time.Hour

// Scenarios are those of the table.
func Scenarios() []Scenario {
	return []Scenario{
		{Name: "sleep of a day", happen: sleep, Datagrams: 1, RoundTrips: 1},
		{Name: "sleep of a day, NAT rebound", happen: both(sleep, rebind), Datagrams: 1, RoundTrips: 1},
		{Name: "NAT rebinding", happen: rebind, Datagrams: 1, RoundTrips: 1},
		{Name: "node crash", happen: crash, RoundTrips: 2, Resumed: 1, Handshake: smallResumption, NewTicket: ticketResumption},
		{Name: "node crash, forward secret", happen: both(crash, ephemeral), RoundTrips: 2, Resumed: 1},
		{Name: "server restart", happen: restart, RoundTrips: 3, Resumed: 1, Handshake: smallResumption, NewTicket: ticketResumption},
		{Name: "server restart, saved table", happen: planned, Datagrams: 1, RoundTrips: 1},
		{Name: "ticket-key rotation, crash", happen: both(rotate, crash), RoundTrips: 2, Resumed: 1, Handshake: smallResumption, NewTicket: ticketResumption},
		{Name: "ticket expired", happen: expired, RoundTrips: 2, Full: 1},
		{Name: "full handshake", happen: both(crash, forget), RoundTrips: 2, Full: 1},
	}
}

// A Cost is what a scenario has cost.
type Cost struct {
	Scenario Scenario
	Until    Traffic       // until the reading was acknowledged
	Total    Traffic       // until all was quiet again
	Took     time.Duration // until the reading was acknowledged
	RTT      time.Duration // of the link
	Seen     Seen
	Plain    int // bytes of what is no record, both ways
	Messages int // bytes of records about tickets and keys, and their acknowledgements
}

// quietTime is how long after a reading its consequences are counted.
const quietTime = time.Minute

var errReading = errors.New("the reading was not acknowledged")

// Run has a scenario happen to a new device and server.
func (s Scenario) Run(suite handshake.Suite) (Cost, error) {
	w, err := New(Config{Suite: suite, Seed: 1})
	if err != nil {
		return Cost{}, err
	}
	if !w.asks(true) {
		return Cost{}, errReading
	}
	w.Pass(quietTime)
	if err := s.happen(w); err != nil {
		return Cost{}, err
	}
	before, began, seen, plain, messages := w.Traffic, w.Now, w.Seen, w.plain, w.Audit.Messages()
	c := Cost{Scenario: s, RTT: 2 * w.Delay}
	if !w.read() {
		return c, errReading
	}
	c.Until, c.Took = w.Traffic.Sub(before), w.Now.Sub(began)
	w.Pass(quietTime)
	c.Total = w.Traffic.Sub(before)
	c.Plain, c.Messages = w.plain-plain, w.Audit.Messages()-messages
	c.Seen = Seen{w.Seen.Full - seen.Full, w.Seen.Resumed - seen.Resumed, w.Seen.Restored - seen.Restored, w.Seen.Reset - seen.Reset}
	return c, w.Err
}

// read sends a reading until it is acknowledged: again in another session where the server has
// forgotten the first.
func (w *World) read() bool {
	for range attempts {
		if w.device == nil && w.Open() != nil {
			return false
		}
		if !w.Until(patience, w.Live) {
			return false
		}
		number, ok := w.Request(true, 4, 0)
		if ok && w.Until(patience, func() bool { return w.Done(number) }) && w.Acknowledged(number) {
			return true
		}
	}
	return false
}

// RoundTrips is the time in round trips, rounded to the nearest.
func (c *Cost) RoundTrips() int { return int((c.Took + c.RTT/2) / c.RTT) }

// Broken says which bounds are broken.
func (c *Cost) Broken() []string {
	var broken []string
	bound := func(what string, got, most int) {
		if most > 0 && got > most {
			broken = append(broken, fmt.Sprintf("%s: %d, at most %d", what, got, most))
		}
	}
	s := &c.Scenario
	bound("datagrams to the server", c.Until.ToServer.Datagrams, s.Datagrams)
	bound("datagrams to the device", c.Until.Arrived.Datagrams, s.Datagrams)
	bound("round trips", c.RoundTrips(), s.RoundTrips)
	bound("bytes of the resumption", c.Plain, s.Handshake)
	bound("bytes with the new ticket", c.Plain+c.Messages, s.NewTicket)
	if c.Seen.Resumed != s.Resumed || c.Seen.Full != s.Full {
		broken = append(broken, fmt.Sprintf("%d resumptions and %d full handshakes, want %d and %d",
			c.Seen.Resumed, c.Seen.Full, s.Resumed, s.Full))
	}
	return broken
}
