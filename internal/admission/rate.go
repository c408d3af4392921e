package admission

import "time"

// A Rate is how much a Bucket lets through. The zero Rate lets everything through.
type Rate struct {
	interval int64 // ns for one
	limit    int64 // ns that an empty bucket takes to fill up
}

// NewRate is n in each period, and no more than burst at once; there is no bound if n is 0.
func NewRate(n int, period time.Duration, burst int) Rate {
	if n <= 0 {
		return Rate{}
	}
	interval := max(1, int64(period)/int64(n))
	return Rate{interval: interval, limit: interval * int64(max(1, burst))}
}

// A Bucket holds tokens: it is the time in ns at which it will be full again. The zero Bucket is
// full. A clock that is set back costs it no more than its tokens.
type Bucket int64

// debt is for how long the bucket is not full. It is cut where the clock was set back.
func (b *Bucket) debt(r Rate, now int64) int64 {
	*b = min(*b, Bucket(now+r.limit))
	return max(0, int64(*b)-now)
}

func (b *Bucket) has(r Rate, now int64) bool { return b.debt(r, now)+r.interval <= r.limit }

// charge takes one, or what there is.
func (b *Bucket) charge(r Rate, now int64) {
	if r.interval > 0 {
		*b = Bucket(now + min(b.debt(r, now)+r.interval, r.limit))
	}
}

// Take takes one token, and tells whether there was one.
func (b *Bucket) Take(r Rate, now time.Time) bool {
	at := now.UnixNano()
	if !b.has(r, at) {
		return false
	}
	b.charge(r, at)
	return true
}

// Wait is how long it takes until there is a token.
func (b *Bucket) Wait(r Rate, now time.Time) time.Duration {
	return time.Duration(max(0, b.debt(r, now.UnixNano())+r.interval-r.limit))
}
