package session

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"github.com/pqcoap/pqcoap/handshake"
)

// A resident is a device of many, and what was recorded of it.
type resident struct {
	*pair
	recorded [][]byte
}

// ping sends a ping, which is recorded, and may be lost.
func (r *resident) ping(lost bool) {
	r.device.Ping(r.now, &r.toServer) // a device that is closed has none
	for _, b := range r.toServer.All() {
		if isRecord(b[0]) {
			r.recorded = append(r.recorded, bytes.Clone(b))
		}
	}
	r.recorded = r.recorded[max(0, len(r.recorded)-4):]
	if lost {
		r.toServer.Reset()
	}
}

// A town is one server and its devices.
type town struct {
	t       *testing.T
	random  *rand.Rand
	now     time.Time
	server  *Server
	devices []*resident
	port    uint16
	era     uint32
}

func (w *town) newServer() *Server {
	return lasting(w.t, func(c *ServerConfig) {
		c.Era = w.era
		c.RestAfter = time.Duration(1+w.random.IntN(3000)) * time.Millisecond
		c.MaxAwake, c.IdleTimeout = 1+w.random.IntN(6), 2*time.Minute
		c.Update = Update{Records: uint64(5 + w.random.IntN(40))}
		c.Rest = func(*Session) bool { return w.random.IntN(4) > 0 }
		c.Authorize = func(_ handshake.Suite, c handshake.ClientCredential) (Client, error) {
			return Client{Name: name(int(c.ID[0])), PSK: townKey(int(c.ID[0]))}, nil
		}
	})
}

func name(i int) string { return fmt.Sprint("device ", i) }

func townKey(i int) *handshake.PSK {
	return &handshake.PSK{ID: [16]byte{byte(i), 1}, Key: handshake.PSKKey{byte(i), 1}}
}

// open has a device begin anew, at an address of its own: what is for the one before does not come
// to it.
func (w *town) open(i int) {
	w.port++
	cfg := deviceConfig(handshake.ModeNone)
	cfg.PSK = townKey(i)
	p := &pair{t: w.t, now: w.now, server: w.server, from: netip.AddrPortFrom(address.Addr(), w.port)}
	var err error
	if p.device, err = NewDevice(w.now, cfg, &p.toServer); err != nil {
		w.t.Fatal(err)
	}
	w.devices[i] = &resident{pair: p}
}

// restart saves the sessions and goes on with them.
func (w *town) restart() {
	state, err := Save(w.server)
	if err != nil {
		w.t.Fatal(err)
	}
	w.era++
	w.server = w.newServer()
	if err := Load(w.now, state, w.server); err != nil {
		w.t.Fatal(err)
	}
}

// step has something happen to one of the devices, or time go by.
func (w *town) step(i int) {
	p, seldom := w.devices[i], w.random.IntN(8) == 0
	switch w.random.IntN(12) {
	case 0, 1, 2:
		p.ping(seldom)
	case 3:
		if session := w.server.Device(w.now, name(i)); session != nil {
			w.server.Ping(w.now, session, &p.toDevice)
		}
	case 4: // what was recorded comes again
		for _, b := range p.recorded {
			w.server.Receive(w.now, p.from, netip.Addr{}, bytes.Clone(b), &p.toDevice)
		}
	case 5:
		for _, b := range p.recorded {
			junk := bytes.Clone(b)
			junk[len(junk)-1] ^= 1
			w.server.Receive(w.now, p.from, netip.Addr{}, junk, &p.toDevice)
		}
	case 6:
		if seldom || p.device.state == closed {
			w.open(i)
		}
	case 7:
		if session := w.server.Device(w.now, name(i)); session != nil && seldom {
			w.server.CloseSession(w.now, session, &p.toDevice)
		}
	case 8:
		if seldom && w.era+1 < resetEras { // whoever has lost his session is told of it
			w.restart()
		}
	default:
		w.now = w.now.Add(time.Duration(w.random.IntN(5000)) * time.Millisecond)
	}
}

// settle has done what is to be done for a device.
func (w *town) settle(i int) {
	p := w.devices[i]
	p.now, p.server = w.now, w.server
	w.server.Advance(w.now, &p.toDevice)
	p.drain()
	p.run()
	p.device.Advance(w.now, &p.toServer)
	p.run()
}

// Whatever happens to many sessions in whatever order: each has one place, on the heap or in the
// arena and never both, and no device gets a record with a number that there has been.
func TestHeapOrArena(t *testing.T) {
	var all ServerStats
	for seed := range uint64(60) {
		w := &town{t: t, random: rand.New(rand.NewPCG(seed, 0)), now: epoch, devices: make([]*resident, 8)}
		w.server = w.newServer()
		for i := range w.devices {
			w.open(i)
		}
		for range 300 {
			i := w.random.IntN(len(w.devices))
			w.devices[i].now, w.devices[i].server = w.now, w.server
			w.step(i)
			sound(t, w.server)
			w.settle(i)
			sound(t, w.server)
			// Who is told that its session is lost is told so for each era that it may be of.
			if d := w.devices[i].device; d.Stats().Rejected > 0 && !errors.Is(d.err, ErrReset) {
				t.Fatalf("seed %d: a device has got records twice, or that do not open: %+v", seed, d.Stats())
			}
		}
		st := w.server.Stats()
		all.Woken, all.Rested, all.Evicted = all.Woken+st.Woken, all.Rested+st.Rested, all.Evicted+st.Evicted
		all.Replayed, all.Rejected = all.Replayed+st.Replayed, all.Rejected+st.Rejected
	}
	if min(all.Woken, all.Rested, all.Evicted, all.Replayed, all.Rejected) < 20 {
		t.Errorf("too little has happened: %+v", all)
	}
}
