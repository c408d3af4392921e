package session

import (
	"bytes"
	"crypto/rand"
	"net/netip"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"

	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/record"
)

// shardsOf are Servers of one group.
func shardsOf(n int, change func(*ServerConfig)) (list []*Server) {
	group := NewGroup(n)
	for i := range n {
		list = append(list, newTestServer(func(c *ServerConfig) {
			if change != nil {
				change(c)
			}
			c.Group, c.Shard = group, i
		}))
	}
	return list
}

// tell takes the events of shards, and gives each the notices that are for it, until there are none.
func tell(p *pair, shards []*Server) {
	for told := true; told; {
		told = false
		for _, s := range shards {
			for ev, ok := s.Next(); ok; ev, ok = s.Next() {
				told = true
				switch ev.Kind {
				case EventWork:
					ev.Work.Run()
					s.Done(p.now, ev.Work, &p.toDevice)
				case EventNotice:
					shards[ev.Shard].Hear(p.now, ev.Notice, &p.toDevice)
				}
			}
		}
	}
}

// via carries the datagrams of a device to one shard, and all answers back, until there are none.
func (p *pair) via(at int, shards []*Server) {
	for p.toServer.Len() > 0 || p.toDevice.Len() > 0 {
		var up, down Outbox
		up, p.toServer = p.toServer, up
		for _, b := range up.All() {
			shards[at].Receive(p.now, p.from, netip.Addr{}, b, &p.toDevice)
			tell(p, shards)
		}
		down, p.toDevice = p.toDevice, down
		for to, b := range down.All() {
			if to == p.from {
				p.device.Receive(p.now, b, &p.toServer)
			}
		}
	}
}

// confirmVia opens and confirms a session in a shard.
func confirmVia(t *testing.T, at int, shards []*Server) *pair {
	t.Helper()
	p := newPair(t, shards[at], deviceConfig(handshake.ModeKEM))
	p.via(at, shards)
	if p.device.state != open {
		t.Fatalf("device is in state %d: %v", p.device.state, p.device.err)
	}
	if _, err := p.device.Ping(p.now, &p.toServer); err != nil {
		t.Fatal(err)
	}
	p.via(at, shards)
	return p
}

// However many shards there are, each gives IDs that name it, no two the same one, and as short ones
// as a single server.
func TestIDsOfShards(t *testing.T) {
	for _, shards := range []int{1, 2, 3, 4, 7, 16, 33, MaxShards} {
		seen := make(map[record.ConnectionID]bool)
		sizes := make(map[int]int)
		spaces := make([]idSpace, shards)
		for i := range spaces {
			spaces[i] = newIDSpace(rand.Reader, i, shards)
			for range 2000 / shards {
				id, err := spaces[i].take()
				if err != nil || seen[id] || homeOf(id, shards) != i {
					t.Fatalf("%d shards: ID %v of shard %d, home %d, given before %v: %v", shards, id, i, homeOf(id, shards), seen[id], err)
				}
				seen[id] = true
				sizes[id.Len()]++
				if !spaces[i].given(id) {
					t.Fatalf("%d shards: ID %v is not known", shards, id)
				}
				record := id.Append([]byte{0b00110000})
				if home, ok := Home(record, shards); !ok || home != i {
					t.Fatalf("%d shards: a record of shard %d goes to %d, %v", shards, i, home, ok)
				}
			}
		}
		for id := range seen {
			for i := range spaces {
				if i != homeOf(id, shards) && spaces[i].given(id) {
					t.Fatalf("%d shards: ID %v is known in shard %d", shards, id, i)
				}
			}
		}
		if used := shards & -shards; used == shards && shards <= 16 && sizes[1] != 16 { // a power of two
			t.Errorf("%d shards: %d IDs of one byte at once, want 16", shards, sizes[1])
		}
	}
}

// What is no record with an ID stays with the shard that it has come to.
func TestHomeOfOthers(t *testing.T) {
	for _, b := range [][]byte{nil, {0x40}, {0x44, 1, 0, 1}, {0b00100000, 1, 2}, {0b00110000}, {0b00110000, 0xC0, 1}} {
		if home, ok := Home(b, 4); ok {
			t.Errorf("%x goes to shard %d", b, home)
		}
	}
}

// A device whose new port leads to another shard in the middle of its handshake gets the m2 that it
// would have got, whether that is made already or not.
func TestRepeatedElsewhere(t *testing.T) {
	for _, early := range []bool{false, true} {
		shards := shardsOf(3, nil)
		p := newPair(t, shards[0], deviceConfig(handshake.ModeKEM))
		var m1 [][]byte
		for range 10 { // until m1 is complete
			for _, b := range p.toServer.All() {
				m1 = append(m1, bytes.Clone(b))
				shards[0].Receive(p.now, p.from, netip.Addr{}, bytes.Clone(b), &p.toDevice)
			}
			p.toServer.Reset()
		}
		work, ok := shards[0].Next()
		if !ok || work.Kind != EventWork {
			t.Fatalf("no work, but %+v", work)
		}
		finish := func() {
			work.Work.Run()
			shards[0].Done(p.now, work.Work, &p.toDevice)
			p.toDevice.Reset() // the device is not there any more
		}
		if early {
			finish()
		}
		p.from = netip.AddrPortFrom(address.Addr(), 40001)
		for _, b := range m1 {
			shards[2].Receive(p.now, p.from, netip.Addr{}, b, &p.toDevice)
			tell(p, shards)
		}
		if !early {
			finish()
			tell(p, shards)
		}
		p.via(2, shards)
		if p.device.state != open || shards[0].Stats().HalfOpened != 1 || shards[2].Stats().HalfOpened != 0 {
			t.Errorf("early %v: device in state %d, %v; m2 made: %d and %d", early, p.device.state, p.device.err,
				shards[0].Stats().HalfOpened, shards[2].Stats().HalfOpened)
		}
	}
}

// An m1 that is over is forgotten by all.
func TestRepeatedForgotten(t *testing.T) {
	shards := shardsOf(2, nil)
	p := newPair(t, shards[1], deviceConfig(handshake.ModeKEM))
	p.via(1, shards)
	if n := len(shards[0].cfg.Group.greeted.m); n != 1 {
		t.Fatalf("%d m1 are known", n)
	}
	shards[1].Advance(p.now.Add(halfOpenTimeout+time.Second), &p.toDevice)
	empty(t, shards[1])
}

// A session that a device opens in one shard replaces the one that it has in another, which goes on
// for a while; and the other way round.
func TestReplacedElsewhere(t *testing.T) {
	shards := shardsOf(2, func(c *ServerConfig) { c.RestAfter = time.Minute })
	first := confirmVia(t, 0, shards)
	old := shards[0].Device(epoch, "device")
	second := confirmVia(t, 1, shards)
	if _, _, ok := shards[0].Find("device"); ok || old.retireAt.IsZero() || old.state != confirmed {
		t.Fatal("the older session is not replaced, or is gone at once")
	}
	first.ping(0, shards)
	if shards[0].Stats().Sessions != 1 {
		t.Error("the older session is gone at once")
	}
	shards[0].Advance(epoch.Add(retirement+time.Second), &first.toDevice)
	if shards[0].Stats().Sessions != 0 || shards[1].Stats().Sessions != 1 {
		t.Errorf("%d and %d sessions: the older one has not gone", shards[0].Stats().Sessions, shards[1].Stats().Sessions)
	}
	second.ping(1, shards)
	third := confirmVia(t, 0, shards)
	if _, _, ok := shards[1].Find("device"); ok {
		t.Error("the second session is not replaced")
	}
	third.ping(0, shards)
}

// Of a device that opens sessions in turns, one retires in each shard.
func TestReplacedInTurns(t *testing.T) {
	shards := shardsOf(2, nil)
	for i := range 20 {
		confirmVia(t, i%2, shards)
	}
	if a, b := shards[0].Stats().Sessions, shards[1].Stats().Sessions; a > 2 || b > 2 {
		t.Errorf("%d and %d sessions of one device", a, b)
	}
}

// A session at rest is replaced too.
func TestReplacedAtRest(t *testing.T) {
	shards := shardsOf(2, nil)
	p := confirmVia(t, 0, shards)
	for at := shards[0].Deadline(); !at.IsZero() && at.Before(epoch.Add(time.Hour)); at = shards[0].Deadline() {
		shards[0].Advance(at, &p.toDevice)
		tell(p, shards)
	}
	if shards[0].Stats().Resting != 1 {
		t.Fatalf("%+v: it does not rest", shards[0].Stats())
	}
	confirmVia(t, 1, shards)
	if _, _, ok := shards[0].Find("device"); ok {
		t.Error("the session at rest is not replaced")
	}
}

// A first record that was held back does not put an older session in the place of a newer one, also
// where that is in another shard.
func TestLateConfirmationElsewhere(t *testing.T) {
	shards := shardsOf(2, nil)
	older := newPair(t, shards[0], deviceConfig(handshake.ModeKEM))
	older.via(0, shards)
	if _, err := older.device.Ping(older.now, &older.toServer); err != nil {
		t.Fatal(err)
	}
	newer := confirmVia(t, 1, shards)
	older.via(0, shards) // only now
	if shards[0].Stats().Sessions != 0 || shards[0].Stats().Confirmed != 0 {
		t.Error("the older session is confirmed")
	}
	if at, _, ok := shards[1].Find("device"); !ok || at.Home(2) != 1 || !shards[1].Device(epoch, "device").retireAt.IsZero() {
		t.Error("the newer session has been replaced")
	}
	newer.ping(1, shards)
}

// What is remembered of confirmations is bounded by time and by number, and does not outlive its use.
func TestGroupConfirm(t *testing.T) {
	g := NewGroup(2)
	for i, want := range map[uint64]bool{5: true} {
		if g.confirm(epoch, "a", i) != want {
			t.Error(i)
		}
	}
	switch {
	case g.confirm(epoch, "a", 4):
		t.Error("an older session")
	case !g.confirm(epoch, "a", 6) || !g.confirm(epoch, "b", 1) || !g.confirm(epoch, "", 1):
		t.Error("a newer session, another device, or none")
	case !g.confirm(epoch.Add(confirmationTime+1), "c", 7) || len(g.newest.m) != 1 || len(g.order) != 1:
		t.Errorf("%d and %d are remembered for ever", len(g.newest.m), len(g.order))
	}
	if one := NewGroup(1); !one.confirm(epoch, "a", 5) || !one.confirm(epoch, "a", 4) || len(one.newest.m) != 0 {
		t.Error("a single shard remembers")
	}
}

// The number of sessions is bounded for all shards together.
func TestSessionsOfGroup(t *testing.T) {
	shards := shardsOf(2, func(c *ServerConfig) { c.MaxSessions = 1 })
	confirmVia(t, 0, shards)
	p := newPair(t, shards[1], deviceConfig(handshake.ModeKEM))
	p.via(1, shards)
	if p.device.state == open {
		t.Error("one more than there may be")
	}
}

// Sessions that were saved go on, with as many shards as there are then.
func TestSaveShards(t *testing.T) {
	const n = 500
	entries, authorize := crowd(t, n)
	state, err := cbor.Marshal(savedServer{Version: savedVersion, Sessions: entries})
	if err != nil {
		t.Fatal(err)
	}
	for _, count := range []int{1, 2, 4, 1, 16, 8, 1} {
		shards := shardsOf(count, func(c *ServerConfig) { c.Authorize = authorize })
		if err := Load(epoch, state, shards...); err != nil {
			t.Fatal(err)
		}
		sum := 0
		for i, s := range shards {
			sum += s.Stats().Sessions
			holders, _ := s.Holders(Page{})
			for _, h := range holders {
				if h.Ref.Home(count) != i {
					t.Fatalf("a session of shard %d is in shard %d", h.Ref.Home(count), i)
				}
			}
		}
		if sum != n || shards[0].cfg.Group.sessions.Load() != n {
			t.Fatalf("%d sessions in %d shards, want %d", sum, count, n)
		}
		if state, err = Save(shards...); err != nil {
			t.Fatal(err)
		}
	}
}

// A device goes on with a server that has another number of shards.
func TestSaveOfShard(t *testing.T) {
	for _, now := range []int{1, 3, 5} {
		before := shardsOf(2, nil)
		p := confirmVia(t, 1, before)
		state, err := Save(before...)
		if err != nil {
			t.Fatal(err)
		}
		shards := shardsOf(now, nil)
		if err := Load(p.now, state, shards...); err != nil {
			t.Fatal(err)
		}
		id, err := p.device.Ping(p.now, &p.toServer)
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range p.toServer.All() {
			home, ok := Home(b, now)
			if !ok {
				t.Fatal("no home")
			}
			shards[home].Receive(p.now, p.from, netip.Addr{}, b, &p.toDevice)
		}
		p.toServer.Reset()
		for _, b := range p.toDevice.All() {
			p.device.Receive(p.now, b, &p.toServer)
		}
		pong := false
		for ev, ok := p.device.Next(); ok; ev, ok = p.device.Next() {
			pong = pong || ev.Kind == EventPong && ev.ID == id && ev.Err == nil
		}
		if !pong {
			t.Errorf("%d shards: no answer", now)
		}
	}
}

// ping fails unless the device is answered through a shard.
func (p *pair) ping(at int, shards []*Server) {
	p.t.Helper()
	id, err := p.device.Ping(p.now, &p.toServer)
	if err != nil {
		p.t.Fatal(err)
	}
	p.via(at, shards)
	for ev, ok := p.device.Next(); ok; ev, ok = p.device.Next() {
		if ev.Kind == EventPong && ev.ID == id && ev.Err == nil {
			return
		}
	}
	p.t.Error("no answer")
}
