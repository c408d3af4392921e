package admission

import (
	"encoding/binary"
	"net/netip"
	"time"
)

// Rates are those of one kind of work, in each Period; 0 is no bound.
type Rates struct {
	All     int
	Network int // a /24 of IPv4, a /48 of IPv6; a /56 has what is between it and an address
	Address int // a /32 of IPv4, a /64 of IPv6
	Burst   int // how many periods' worth there is at once
	Period  time.Duration
	Buckets int // for the prefixes of each length
}

func (r Rates) rate(n int) Rate { return NewRate(n, r.Period, n*r.Burst) }

// The levels of the two families, the finest first.
var (
	levels4 = []level{{0, 32}, {1, 24}}
	levels6 = []level{{2, 64}, {3, 56}, {4, 48}}
)

type level struct {
	table int // in Limiter.tables
	bits  int
}

// A Limiter bounds one kind of work, for each address prefix and in all. What it holds does not
// grow, and Take does not allocate. It is not safe for concurrent use.
type Limiter struct {
	rate   Rate // of all
	all    Bucket
	tables [5]table
	placer placer
}

// NewLimiter makes a Limiter whose buckets are full. The key is random and secret.
func NewLimiter(key [16]byte, r Rates) *Limiter {
	l := &Limiter{rate: r.rate(r.All), placer: newPlacer(key)}
	for i, n := range [...]int{r.Address, r.Network, r.Address, (r.Address + r.Network) / 2, r.Network} {
		l.tables[i] = newTable(r.rate(n), r.Buckets)
	}
	return l
}

// A hold is one bucket that an address is charged at.
type hold struct {
	rate   Rate
	bucket *Bucket
	slot   *slot // unless it is shared
	key    uint64
}

// has tells whether there is a token.
func (h *hold) has(now int64) bool {
	if h.slot != nil && h.slot.key != h.key {
		return true // the bucket is full and another's
	}
	return h.bucket.has(h.rate, now)
}

func (h *hold) charge(now int64) {
	if h.slot != nil {
		h.slot.bucket, h.slot.key = h.slot.of(h.key), h.key
	}
	h.bucket.charge(h.rate, now)
}

// holds finds the buckets of an address, the finest first. An address from nowhere is one of
// IPv6.
func (l *Limiter) holds(now int64, from netip.Addr, into *[3]hold) []hold {
	from = from.Unmap()
	levels, key := levels6, uint64(0)
	if from.Is4() {
		a := from.As4()
		levels, key = levels4, uint64(binary.BigEndian.Uint32(a[:]))<<32
	} else if from.IsValid() {
		a := from.As16()
		key = binary.BigEndian.Uint64(a[:8])
	}
	list := into[:0]
	for i, level := range levels {
		t := &l.tables[level.table]
		if t.rate == (Rate{}) {
			continue
		}
		h := hold{rate: t.rate, key: key &^ (1<<(64-level.bits) - 1)}
		set := l.placer.place(t, level.table, h.key)
		switch h.slot = set.find(t.rate, h.key, now); {
		case h.slot != nil:
			h.bucket = &h.slot.bucket
		case i < len(levels)-1:
			continue
		default:
			h.bucket = &set.shared
		}
		list = append(list, h)
	}
	return list
}

// Take takes a token for an address at each level, or none at any; true if it has.
func (l *Limiter) Take(now time.Time, from netip.Addr) bool {
	at := now.UnixNano()
	if !l.all.has(l.rate, at) {
		return false
	}
	var into [3]hold
	list := l.holds(at, from, &into)
	for i := range list {
		if !list[i].has(at) {
			return false
		}
	}
	for i := range list {
		list[i].charge(at)
	}
	l.all.charge(l.rate, at)
	return true
}

// Has tells whether the prefixes of an address have a token each. It takes none.
func (l *Limiter) Has(now time.Time, from netip.Addr) bool {
	at := now.UnixNano()
	var into [3]hold
	list := l.holds(at, from, &into)
	for i := range list {
		if !list[i].has(at) {
			return false
		}
	}
	return true
}

// Charge takes a token from each prefix of an address, where there is one: it has done what nobody
// does who means well. Others do not pay for it.
func (l *Limiter) Charge(now time.Time, from netip.Addr) {
	at := now.UnixNano()
	var into [3]hold
	list := l.holds(at, from, &into)
	for i := range list {
		if list[i].slot != nil {
			list[i].charge(at)
		}
	}
}
