package server

import (
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"runtime"
	"sync"
	"time"

	"github.com/pqcoap/pqcoap/coap"
	"github.com/pqcoap/pqcoap/internal/session"
	"github.com/pqcoap/pqcoap/internal/udp"
)

// A Port is a UDP port that is open and that nobody serves yet. It has as many parts as the server
// that it is for will have shards.
type Port struct{ shards []*udp.Port }

// Listen opens a port on a UDP address, such as ":5688", for a number of shards; 0: one a core. On
// other systems than Linux there is one.
func Listen(addr string, shards int) (*Port, error) {
	at, err := net.ResolveUDPAddr("udp", addr)
	if err != nil {
		return nil, fmt.Errorf("server: address to listen on: %w", err)
	}
	if shards <= 0 {
		shards = runtime.GOMAXPROCS(0)
	}
	ip, _ := netip.AddrFromSlice(at.IP) // without one: all addresses
	if at.Zone != "" {
		ip = ip.WithZone(at.Zone)
	}
	ports, err := udp.Listen(netip.AddrPortFrom(ip.Unmap(), uint16(at.Port)), min(shards, session.MaxShards))
	if err != nil {
		return nil, fmt.Errorf("server: %w", err)
	}
	return &Port{ports}, nil
}

// Addr is the address of the port.
func (p *Port) Addr() net.Addr { return p.shards[0].Addr() }

// Close gives the port up.
func (p *Port) Close() error {
	var err error
	for _, one := range p.shards {
		err = errors.Join(err, one.Close())
	}
	return err
}

// attach makes the shards, and has them go on with the sessions that were saved.
func (s *Server) attach(p *Port) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		return ErrClosed
	case s.shards != nil:
		return errors.New("server: Serve called twice")
	}
	shards := make([]*shard, len(p.shards))
	group := session.NewGroup(len(shards))
	var short [32]byte
	rand.Read(short[:])
	echo := coap.NewEchoKeys(short, s.cfg.Secrets.Echo)
	for i, port := range p.shards {
		shards[i] = newShard(s, i, port, s.newEngine(group, i, echo), len(shards))
	}
	if dir := s.cfg.dir; dir != nil {
		if err := s.openAudit(dir.settings().Audit); err != nil {
			return err
		}
	}
	now := time.Now()
	if err := s.load(now, shards); err != nil {
		return err
	}
	s.shards, s.port = shards, p
	return nil
}

// readAll reads from all sockets until they are closed. When one is, all are.
func (s *Server) readAll() {
	var readers sync.WaitGroup
	for _, one := range s.shards {
		for _, conn := range one.port.Conns() {
			readers.Go(func() {
				one.read(conn)
				s.Close()
			})
		}
	}
	readers.Wait()
}

// all are the shards, none before Serve.
func (s *Server) all() []*shard {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.shards
}

// each calls f with each shard that is not over, under its lock, and has it send what comes of that.
func (s *Server) each(f func(now time.Time, one *shard)) {
	for _, one := range s.all() {
		one.mu.Lock()
		if !one.over {
			now := time.Now()
			f(now, one)
			one.flush(now)
		}
		one.mu.Unlock()
	}
}

// at is the shard that has the session of a device, the newest where it has several for a moment;
// nil where it has none.
func (s *Server) at(device string) (at *shard, ref session.Ref) {
	newest := uint64(0)
	for _, one := range s.all() {
		one.mu.Lock()
		r, serial, ok := one.engine.Find(device)
		one.mu.Unlock()
		if ok && (at == nil || serial > newest) {
			at, ref, newest = one, r, serial
		}
	}
	return at, ref
}

// Addr is the address of the port, nil before Serve.
func (s *Server) Addr() net.Addr {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.port == nil {
		return nil
	}
	return s.port.Addr()
}
