package coap

import (
	"container/heap"
	"errors"
	"maps"
	"net/netip"
	"time"

	"github.com/plgd-dev/go-coap/v3/message"
	"github.com/plgd-dev/go-coap/v3/message/codes"
)

// Defaults and constants of a Lane (docs/protocol.md sections 7 and 15).
const (
	DefaultMaxBody = 9216 // the largest m1

	entryIdle = 60 * time.Second  // after the last new block
	entryLife = 247 * time.Second // EXCHANGE_LIFETIME, RFC 7252 section 4.8.2
	quietPull = 6 * time.Millisecond
	amplify   = 3    // bytes to an unproven address for each it sent
	publicAge = 3600 // s, the Max-Age of what GET serves
	busyRetry = 5    // s, the Max-Age of a 5.03 or 4.29

	formatCBOR message.MediaType = 60 // RFC 8949 section 9.5

	shrinkFrom = 1024 // entries; a map of fewer is left as it is
)

// DefaultUnproven bounds the transfers whose address has not been proven.
var DefaultUnproven = PoolLimits{Entries: 4096, Bytes: 4 << 20, PrefixEntries: 512}

// DefaultProven bounds the others.
var DefaultProven = PoolLimits{Entries: 32768, Bytes: 128 << 20, PrefixEntries: 4096}

// PoolLimits bounds one of the two pools of a Lane. A zero stands for the default.
type PoolLimits struct {
	Entries       int // transfers
	Bytes         int // of bodies and answers held
	PrefixEntries int // transfers not yet answered from one /24 of IPv4 or /48 of IPv6
}

// LaneConfig is what a Lane needs. Zero limits stand for the defaults.
type LaneConfig struct {
	Echo       *EchoKeys
	AlwaysEcho bool // no transfer begins without a valid Echo

	// Get answers a GET for /hs or /.well-known/core; path and query are the values of the
	// options. It is called only for a proven address.
	Get func(path, query []string) (body []byte, format message.MediaType, found bool)

	// Answer tells whether an address gets an answer that belongs to no transfer: an Echo, an
	// error, a representation. Without a word, what it sent was lost. nil: always.
	Answer func(now time.Time, to netip.Addr) bool

	MaxBody  int // bytes of a body: DefaultMaxBody
	Unproven PoolLimits
	Proven   PoolLimits
}

func (c *LaneConfig) setDefaults() {
	setDefault(&c.MaxBody, DefaultMaxBody)
	c.Unproven.setDefaults(DefaultUnproven)
	c.Proven.setDefaults(DefaultProven)
}

func (l *PoolLimits) setDefaults(d PoolLimits) {
	setDefault(&l.Entries, d.Entries)
	setDefault(&l.Bytes, d.Bytes)
	setDefault(&l.PrefixEntries, d.PrefixEntries)
}

func setDefault(v *int, d int) {
	if *v == 0 {
		*v = d
	}
}

// LaneStats counts what a Lane has seen since it was made, and what it holds.
type LaneStats struct {
	Malformed    uint64 // datagrams that are not CoAP: dropped
	Ignored      uint64 // messages that are no requests, and requests dropped by a rule
	Refused      uint64 // requests answered 4.xx or 5.xx, transfers refused among them
	EchoDemanded uint64 // of these, those answered 4.01 with an Echo
	Transfers    uint64 // handed out
	Answered     uint64
	Evicted      uint64 // entries that made room for others
	Expired      uint64
	Unsent       uint64 // answers larger than their bound
	Withheld     uint64 // answers that LaneConfig.Answer did not allow

	Entries  int // now
	Unproven int // of these, in the unproven pool
	Bytes    int // of bodies and answers
}

// A Lane is the server's side of the plain lane (docs/protocol.md section 7): it takes the
// body of a POST to /hs in blocks of any order, hands it out as a Transfer, and serves the
// blocks of its answer. It serves GET from a callback, and nothing else.
//
// A Lane answers datagrams and never sends by itself; it has no cache of message IDs, since
// all it does may be asked for again. What it holds is bounded by LaneConfig; to an address
// that has not been proven by an Echo it sends at most three times the bytes received.
//
// A Lane is not safe for concurrent use.
type Lane struct {
	config   LaneConfig
	entries  map[laneKey]*laneEntry
	most     int // of entries, since the map was made
	expiry   expiryHeap
	unproven pool
	proven   pool
	stats    LaneStats
	nextID   uint16 // of NON messages
	in       Message
	out      Message
	values   []byte // of the options of out
}

// NewLane makes a Lane. Echo and Get are required.
func NewLane(config LaneConfig) *Lane {
	config.setDefaults()
	return &Lane{
		config:   config,
		entries:  make(map[laneKey]*laneEntry),
		unproven: newPool(config.Unproven),
		proven:   newPool(config.Proven),
	}
}

// SetAlwaysEcho replaces LaneConfig.AlwaysEcho, for transfers that begin later.
func (l *Lane) SetAlwaysEcho(always bool) { l.config.AlwaysEcho = always }

// A visit is one datagram on its way through the Lane.
type visit struct {
	now  time.Time
	from netip.AddrPort
	head head
	size int // of the datagram
	out  *Batch
}

// Receive takes a datagram. The answers appended to out go to from. It returns a Transfer
// when a body is complete and is to be answered; nothing of datagram is kept.
func (l *Lane) Receive(now time.Time, from netip.AddrPort, datagram []byte, out *Batch) *Transfer {
	m := &l.in
	err := parse(datagram, m)
	if errors.Is(err, ErrFormat) {
		l.stats.Malformed++
		return nil
	}
	addr := from.Addr().Unmap().WithZone("")
	v := &visit{now: now, from: netip.AddrPortFrom(addr, from.Port()), size: len(datagram), out: out}
	v.head.set(m)
	switch {
	case m.Code == codes.Empty && m.Type == message.Confirmable:
		l.reset(v)
	case !isRequest(m.Code):
		l.stats.Ignored++
	case err != nil:
		l.badOption(v)
	default:
		return l.request(v, m)
	}
	return nil
}

// Deadline says when Advance has to be called at the latest to give memory back, zero for
// never.
func (l *Lane) Deadline() time.Time {
	if len(l.expiry) == 0 {
		return time.Time{}
	}
	return l.expiry[0].expires
}

// Advance forgets what has expired.
func (l *Lane) Advance(now time.Time) {
	for len(l.expiry) > 0 && !now.Before(l.expiry[0].expires) {
		l.remove(l.expiry[0])
		l.stats.Expired++
	}
}

// Stats returns the counters.
func (l *Lane) Stats() LaneStats {
	s := l.stats
	s.Entries = len(l.entries)
	s.Unproven = l.unproven.entries()
	s.Bytes = l.unproven.bytes + l.proven.bytes
	return s
}

// find returns the entry of a key, unless it has expired.
func (l *Lane) find(now time.Time, key laneKey) *laneEntry {
	e := l.entries[key]
	if e != nil && !now.Before(e.expires) {
		l.remove(e)
		l.stats.Expired++
		return nil
	}
	return e
}

// remove forgets an entry. What still points to it finds it gone.
func (l *Lane) remove(e *laneEntry) {
	delete(l.entries, e.key)
	if l.most >= shrinkFrom && len(l.entries) <= l.most/4 { // a map does not get smaller by itself
		smaller := make(map[laneKey]*laneEntry, len(l.entries))
		maps.Copy(smaller, l.entries)
		l.entries, l.most = smaller, len(smaller)
	}
	heap.Remove(&l.expiry, e.index)
	e.pool.leave(e)
	e.transfer, e.parked = nil, nil
}
