package audit

import (
	"fmt"

	"github.com/pqcoap/pqcoap/conformance/reference"
)

// A direction is one direction of a session's records, in all epochs that there were.
type direction struct {
	id     []byte
	epochs []*epoch
}

// An epoch is the numbers that were used with one key.
type epoch struct {
	traffic *reference.Traffic
	next    uint64 // one past the highest
	used    map[uint64]bool
}

func newEpoch(t *reference.Traffic) *epoch {
	return &epoch{traffic: t, used: make(map[uint64]bool)}
}

// open attributes the first record of a datagram to an epoch: the newest, those before it, or the
// one after, which begins with it. ErrRejected of reference where it is of none.
func (d *direction) open(datagram []byte) (kind byte, rest []byte, err error) {
	for i := len(d.epochs) - 1; i >= 0; i-- {
		if o, rest, err := d.epochs[i].open(datagram, d.id); err == nil {
			return o.Type, rest, d.epochs[i].use(o.Seq)
		}
	}
	t, err := d.epochs[len(d.epochs)-1].traffic.Next()
	if err != nil {
		return 0, nil, err
	}
	following := newEpoch(t)
	o, rest, err := following.open(datagram, d.id)
	if err != nil {
		return 0, nil, err
	}
	d.epochs = append(d.epochs, following)
	return o.Type, rest, following.use(o.Seq)
}

// halfSpan is how far a number of 8 bits is found from the one expected.
const halfSpan = 128

// open tries the number that is closest to the next, then all before: an end that sends from an
// old state is far behind.
func (e *epoch) open(datagram, id []byte) (o reference.Opened, rest []byte, err error) {
	o, rest, err = e.traffic.Open(datagram, id, e.next)
	if uint64(datagram[0]&3) != e.traffic.Epoch&3 {
		return o, rest, err
	}
	for expect := uint64(0); err != nil && expect < e.next; expect += halfSpan {
		o, rest, err = e.traffic.Open(datagram, id, expect)
	}
	return o, rest, err
}

// use marks a number.
func (e *epoch) use(n uint64) error {
	if e.used[n] {
		return fmt.Errorf("%w: number %d of epoch %d", ErrNonceTwice, n, e.traffic.Epoch)
	}
	e.used[n] = true
	e.next = max(e.next, n+1)
	return nil
}
