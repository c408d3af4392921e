package session

import (
	"hash/maphash"
	"math/bits"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pqcoap/pqcoap/coap"
	"github.com/pqcoap/pqcoap/record"
)

// MaxShards is how many Servers may have a port in common: with more, no ID of one byte is left.
const MaxShards = 64

// shardBits is how many bits of a connection ID say the shard.
func shardBits(shards int) int { return bits.Len(uint(shards - 1)) }

// homeOf is the shard that an ID belongs to. An ID that no shard of so many gives, since a stranger
// has made it up or there were more before, has one too: all agree which.
func homeOf(id record.ConnectionID, shards int) int {
	return int(id.Shard(shardBits(shards)) % uint64(shards))
}

// Home is the shard, of so many, that has the session of a datagram of records; false for any other
// datagram, which is the business of the shard that it has come to. Nothing is authenticated.
func Home(datagram []byte, shards int) (shard int, ok bool) {
	id, ok := record.PeekConnectionID(datagram)
	if !ok {
		return 0, false
	}
	return homeOf(id, shards), true
}

// Home is the shard, of so many, that has the session.
func (r Ref) Home(shards int) int { return homeOf(r.id, shards) }

// A Group is what the Servers of one port have in common, where each of them is a shard. The rest
// they tell each other: see [EventNotice]. It is safe for concurrent use, and what it does is for
// handshakes only, no record of a session waits for it.
type Group struct {
	shards int
	begun  atomic.Uint64 // sessions, ever
	seed   maphash.Seed  // nobody can choose names that collide

	sessions atomic.Int64 // of all states, now

	mu       sync.Mutex
	arrivals *arrivals             // sessions that open
	greeted  brief[digest, int]    // in which shard the session is that an m1 has begun
	newest   brief[uint64, uint64] // by the hash of a device's name, the serial of its newest session
	order    []confirmation        // those in newest, the oldest first
}

type confirmation struct {
	name, serial uint64
	at           time.Time
}

// Who has confirmed a session is remembered for as long as an older one of his may be half-open, and
// some more for the work before that.
const (
	confirmationTime = 2 * halfOpenTimeout
	maxConfirmations = 1 << 20
)

// NewGroup is for so many Servers, at most MaxShards.
func NewGroup(shards int) *Group {
	return &Group{shards: shards, seed: maphash.MakeSeed()}
}

// part is what a shard has of a number, at least one.
func (g *Group) part(n int) int { return (n + g.shards - 1) / g.shards }

// pool is what a shard may hold of the transfers that all may.
func (g *Group) pool(l coap.PoolLimits) coap.PoolLimits {
	return coap.PoolLimits{Entries: g.part(l.Entries), Bytes: g.part(l.Bytes), PrefixEntries: g.part(l.PrefixEntries)}
}

// share has a shard go by the arrivals of all, which are those of the first.
func (g *Group) share(own *arrivals) *arrivals {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.arrivals == nil {
		g.arrivals = own
	}
	return g.arrivals
}

// claim has the session of an m1 be in a shard, and returns the one where it is.
func (g *Group) claim(m1 digest, shard int) int {
	if g.shards == 1 {
		return shard
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if home, ok := g.greeted.get(m1); ok {
		return home
	}
	g.greeted.set(m1, shard)
	return shard
}

// disclaim forgets an m1.
func (g *Group) disclaim(m1 digest) {
	if g.shards > 1 {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.greeted.delete(m1)
	}
}

// confirm notes the session of a device whose first record has come; false where a newer one of it
// has been confirmed in any shard. Where there is one shard, that knows by itself.
func (g *Group) confirm(now time.Time, name string, serial uint64) bool {
	if g.shards == 1 || name == "" {
		return true
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.trim(now)
	hash := maphash.String(g.seed, name)
	if newest, _ := g.newest.get(hash); newest > serial {
		return false
	}
	g.newest.set(hash, serial)
	g.order = append(g.order, confirmation{hash, serial, now})
	return true
}

// expire forgets what is over, also where nobody comes any more.
func (g *Group) expire(now time.Time) {
	if g.shards > 1 {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.trim(now)
	}
}

// trim forgets the confirmations that are over, and makes room for one. The caller holds the lock.
func (g *Group) trim(now time.Time) {
	for len(g.order) > 0 && (len(g.order) >= maxConfirmations || now.Sub(g.order[0].at) > confirmationTime) {
		old := g.order[0]
		if newest, _ := g.newest.get(old.name); newest == old.serial {
			g.newest.delete(old.name)
		}
		g.order = g.order[1:]
	}
	if len(g.order) == 0 {
		g.order = nil
	}
}
