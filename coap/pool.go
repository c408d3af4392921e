package coap

const (
	pooledEntries = 4096 // most entries that a Pool keeps for later
	pooledBytes   = 512  // of options an entry keeps room for
)

// A Pool keeps the memory of requests that have been answered and forgotten for those which
// come, so that a peer that asks, is answered and asks again costs no allocation. Conns of one
// owner share one. The zero value is ready to use; it is not safe for concurrent use.
type Pool struct {
	free []*entry
}

// entry returns an empty one.
func (p *Pool) entry() *entry {
	if p == nil || len(p.free) == 0 {
		return new(entry)
	}
	last := len(p.free) - 1
	e := p.free[last]
	p.free[last] = nil
	p.free = p.free[:last]
	return e
}

// put takes an entry that nothing refers to any more. One whose response was a message of its
// own is left to the garbage collector, since copies that were sent refer to it for a while, and
// so is that of an observation, whose handler may have the request at hand until it hears of the
// end.
func (p *Pool) put(e *entry) {
	if p == nil || len(p.free) == pooledEntries || e.item.owner != nil || !e.heardAt.IsZero() || cap(e.kept) > pooledBytes {
		return
	}
	*e = entry{kept: e.kept[:0], options: e.options[:0]}
	p.free = append(p.free, e)
}
