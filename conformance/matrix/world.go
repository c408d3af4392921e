package matrix

import (
	"bytes"
	"container/heap"
	"math/rand/v2"
	"net/netip"
	"time"

	"github.com/pqcoap/pqcoap/coap"
	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/internal/session"
)

// epoch is when the virtual clock starts.
var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

var deviceAddr = netip.MustParseAddrPort("198.51.100.7:40000")

// A world is one handshake: a device, a server and the link between them. Nothing in it reads
// a clock or waits.
type world struct {
	cell   Cell
	loss   *rand.Rand
	random *rand.ChaCha8
	id     identity

	now     time.Time
	began   time.Time // when the session was begun
	flights flightHeap
	order   uint64

	device *session.Device
	server *session.Server
	out    session.Outbox
	ticket *handshake.ResumptionState // of the session before
	tries  bool                       // the session before is under way: nothing is lost

	ended  bool
	result Handshake
}

func newWorld(c Cell, id identity, seed, number uint64) *world {
	w := &world{cell: c, id: id, now: epoch, random: source(seed, 2*number)}
	w.loss = rand.New(rand.NewPCG(seed, 2*number+1))
	var secrets [3][32]byte
	for i := range secrets {
		w.random.Read(secrets[i][:])
	}
	w.server = session.NewServer(session.ServerConfig{
		Identities: []handshake.Identity{id.server.Identity()},
		Authorize:  id.authorize,
		Rand:       w.random,
		Echo:       coap.NewEchoKeys(secrets[0], secrets[1]),
		ResetKey:   secrets[2],
		AlwaysEcho: c.Echo,
		Tickets:    w.ticketKeys(),
	})
	return w
}

// open begins a session.
func (w *world) open() error {
	var err error
	w.began = w.now
	w.device, err = session.NewDevice(w.now, session.DeviceConfig{
		Server:        w.id.server.ServerCredential(),
		Suite:         w.cell.Suite,
		Key:           w.id.device,
		MaxUDPPayload: w.cell.deviceLimit(),
		Rand:          w.random,
		Resume:        w.ticket,
		Ephemeral:     w.cell.Resume == ForwardSecret,
	}, &w.out)
	if err == nil {
		w.fromDevice()
	}
	return err
}

// run makes the handshake and lets what is under way at its end be answered.
func (w *world) run() Handshake {
	err := w.before()
	if err == nil {
		err = w.open()
	}
	if err != nil {
		return Handshake{Err: err}
	}
	for !w.ended {
		w.step()
	}
	for len(w.flights) > 0 {
		w.deliver(heap.Pop(&w.flights).(flight))
	}
	return w.result
}

// step does what is next: a datagram arrives, or the device's time has come.
func (w *world) step() {
	deadline := w.device.Deadline()
	if len(w.flights) > 0 && (deadline.IsZero() || !w.flights[0].arrives.After(deadline)) {
		w.deliver(heap.Pop(&w.flights).(flight))
		return
	}
	if deadline.After(w.now) {
		w.now = deadline
	}
	w.device.Advance(w.now, &w.out)
	w.fromDevice()
}

// deliver gives a datagram to whom it is for. A device that has finished takes nothing more.
func (w *world) deliver(f flight) {
	w.now = f.arrives
	switch {
	case f.toServer:
		w.server.Advance(w.now, &w.out)
		w.server.Receive(w.now, deviceAddr, netip.Addr{}, f.datagram, &w.out)
		w.fromServer()
	case !w.ended:
		w.device.Receive(w.now, f.datagram, &w.out)
		w.fromDevice()
	}
}

// fromDevice takes the device's events and sends what it has to send. What follows the end of
// the handshake is not part of it.
func (w *world) fromDevice() {
	for ev, ok := w.device.Next(); ok && !w.ended; ev, ok = w.device.Next() {
		if w.tries {
			if ev.Kind == session.EventTicket {
				w.ticket = ev.Ticket
			}
			continue
		}
		w.ended = true
		w.result.Err = ev.Err // of EventClosed; EventOpen has none
		w.result.Time = w.now.Sub(w.began)
		if ev.Err == nil && w.ticket != nil && !w.device.Stats().Resumed {
			w.result.Err = errNotResumed
		}
	}
	w.send(true)
}

// fromServer runs the server's public-key operations, which take no time, and sends.
func (w *world) fromServer() {
	for ev, ok := w.server.Next(); ok; ev, ok = w.server.Next() {
		if ev.Kind == session.EventWork {
			ev.Work.Run()
			w.server.Done(w.now, ev.Work, &w.out)
		}
	}
	w.send(false)
}

// send puts on the link what is in the outbox.
func (w *world) send(toServer bool) {
	for _, datagram := range w.out.All() {
		w.result.Datagrams++
		w.result.Bytes += len(datagram)
		if !w.tries && w.loss.Float64() < w.cell.Loss || len(datagram) > w.cell.Payload() {
			continue
		}
		w.order++
		heap.Push(&w.flights, flight{w.now.Add(w.cell.RTT / 2), w.order, toServer, bytes.Clone(datagram)})
	}
	w.out.Reset()
}

// A flight is a datagram that is under way.
type flight struct {
	arrives  time.Time
	order    uint64
	toServer bool
	datagram []byte
}

// flightHeap implements heap.Interface, the earliest first.
type flightHeap []flight

func (h flightHeap) Len() int { return len(h) }

func (h flightHeap) Less(i, j int) bool {
	if !h[i].arrives.Equal(h[j].arrives) {
		return h[i].arrives.Before(h[j].arrives)
	}
	return h[i].order < h[j].order
}

func (h flightHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }

func (h *flightHeap) Push(x any) { *h = append(*h, x.(flight)) }

func (h *flightHeap) Pop() any {
	old := *h
	f := old[len(old)-1]
	*h = old[:len(old)-1]
	return f
}
