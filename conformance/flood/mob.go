package flood

import (
	"context"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pqcoap/pqcoap/conformance/rig"
	"github.com/pqcoap/pqcoap/internal/session"
)

// attackers is how many addresses they have, each of a network of its own.
const attackers = 256

func attackerAddr(i int) netip.Addr { return netip.AddrFrom4([4]byte{127, 20, byte(i), 9}) }

// A mob is all attackers.
type mob struct {
	cfg     Config
	kind    kind
	peer    *rig.Peer
	maker   *maker
	victim  *net.UDPConn // of the session whose ID they know
	sockets []*net.UDPConn
	readers sync.WaitGroup
	sent    int
	in      int64
	out     atomic.Int64
}

func newMob(ctx context.Context, cfg Config, k kind, peer *rig.Peer, secret [32]byte) (*mob, error) {
	m := &mob{cfg: cfg, kind: k, peer: peer}
	if k.make == nil {
		return m, nil
	}
	if err := m.begin(ctx, secret); err != nil {
		m.close()
		return nil, err
	}
	return m, nil
}

func (m *mob) begin(ctx context.Context, secret [32]byte) (err error) {
	if m.victim, err = rig.Listen(deviceAddr(devices)); err != nil {
		return err
	}
	d, err := rig.Open(ctx, m.victim, m.peer.Addr, session.DeviceConfig{Server: m.peer.Credential, Suite: m.cfg.Suite, PSK: rig.DevicePSK(1)})
	if err == nil {
		err = d.Confirm(ctx)
	}
	if err != nil {
		return err
	}
	attacks := int(float64(m.cfg.Rate*m.cfg.Times) * m.cfg.Duration.Seconds())
	if m.maker, err = newMaker(m.cfg.Suite, m.peer.Credential, secret, d.Result().ConnectionID, max(1, min(goodOnes, attacks))); err != nil {
		return err
	}
	for i := range attackers {
		socket, err := rig.Listen(attackerAddr(i))
		if err != nil {
			return err
		}
		m.sockets = append(m.sockets, socket)
		m.readers.Go(func() { m.read(socket) })
	}
	return nil
}

// read counts what comes back.
func (m *mob) read(socket *net.UDPConn) {
	buf := make([]byte, 1<<16)
	for {
		n, err := socket.Read(buf)
		if err != nil {
			return
		}
		m.out.Add(int64(n))
	}
}

// rage has them send, one after another, until the duration is over.
func (m *mob) rage(ctx context.Context, duration time.Duration) {
	if m.kind.make == nil {
		return
	}
	start, rate := time.Now(), m.cfg.Rate*m.cfg.Times
	for ctx.Err() == nil {
		passed := time.Since(start)
		if passed >= duration {
			return
		}
		for due := int(passed.Seconds() * float64(rate)); m.sent < due; m.sent++ {
			i := m.sent % attackers
			for _, b := range m.kind.make(m.maker, attackerAddr(i)) {
				if n, err := m.sockets[i].WriteToUDPAddrPort(b, m.peer.Addr); err == nil {
					m.in += int64(n)
				}
			}
		}
		time.Sleep(time.Millisecond)
	}
}

func (m *mob) report(r *Row) {
	r.Attacks, r.In, r.Out = m.sent, m.in, m.out.Load()
	if r.In > 0 {
		r.Amplification = float64(r.Out) / float64(r.In)
	}
}

func (m *mob) close() {
	if m.victim != nil {
		m.victim.Close()
	}
	for _, socket := range m.sockets {
		socket.Close()
	}
	m.readers.Wait()
}
