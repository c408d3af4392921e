package handshake

import (
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"io"
	"slices"
	"time"
)

// TicketKeys are the keys of a server, or of all servers of a cluster, that tickets are
// sealed by: the newest one that is in use seals, older ones still open. Whoever has one of
// them can be any device to the server for as long as that key is kept. A TicketKeys does not
// change; it is for any number of goroutines.
type TicketKeys struct {
	keys []ticketKey // oldest first

	unprintable
}

// A ticketKey is AES-256-GCM, under a key of its own for each ticket: no number of tickets
// is too many.
type ticketKey struct {
	id   [ticketIDSize]byte
	from int64 // s since 1970: when it begins to seal
	key  [ticketKeySize]byte
}

const (
	ticketKeySize = 32
	maxTicketKeys = 16
)

// NewTicketKeys returns one key, in use from now on.
func NewTicketKeys(rand io.Reader, now time.Time) (*TicketKeys, error) {
	return new(TicketKeys).Rotate(rand, now, now, 0)
}

// Rotate returns a copy with one more key, which seals from that time on: in a cluster, a
// time by which all have it. Keys that no ticket of that lifetime is left of now are not
// copied. ErrMisuse if from is before the last key's, or if 16 others are still needed.
func (t *TicketKeys) Rotate(rand io.Reader, now, from time.Time, lifetime time.Duration) (*TicketKeys, error) {
	at := from.Unix()
	if n := len(t.keys); at < 0 || at > maxSeconds || n > 0 && at < t.keys[n-1].from {
		return nil, fmt.Errorf("%w: time of a ticket key", ErrMisuse)
	}
	next := &TicketKeys{}
	for i, k := range t.keys {
		// The last ticket of a key is as old as the key after it.
		if i+1 == len(t.keys) || t.keys[i+1].from+int64(lifetime/time.Second) > now.Unix() {
			next.keys = append(next.keys, k)
		}
	}
	if len(next.keys) >= maxTicketKeys {
		return nil, fmt.Errorf("%w: too many ticket keys", ErrMisuse)
	}
	k := ticketKey{from: at}
	if err := k.generate(rand, next); err != nil {
		return nil, err
	}
	next.keys = append(next.keys, k)
	return next, nil
}

// generate reads a key, and an identifier until it is none of the others'.
func (k *ticketKey) generate(rand io.Reader, others *TicketKeys) error {
	key, err := readSeed(rand, ticketKeySize)
	if err != nil {
		return err
	}
	defer wipe(key)
	copy(k.key[:], key)
	for {
		id, err := readSeed(rand, ticketIDSize)
		if err != nil {
			return err
		}
		copy(k.id[:], id)
		if others.find(id) == nil {
			return nil
		}
	}
}

// find returns the key that a ticket names, or nil.
func (t *TicketKeys) find(ticket []byte) *ticketKey {
	i := slices.IndexFunc(t.keys, func(k ticketKey) bool { return string(k.id[:]) == string(ticket[:ticketIDSize]) })
	if i < 0 {
		return nil
	}
	return &t.keys[i]
}

// newest returns the key that seals, or nil.
func (t *TicketKeys) newest(now time.Time) *ticketKey {
	for i := len(t.keys) - 1; i >= 0; i-- {
		if t.keys[i].from <= now.Unix() {
			return &t.keys[i]
		}
	}
	return nil
}

// Newest returns when the newest key begins to seal: a server that replaces it in time asks so.
// It is the zero Time where there is no key.
func (t *TicketKeys) Newest() time.Time {
	if len(t.keys) == 0 {
		return time.Time{}
	}
	return time.Unix(t.keys[len(t.keys)-1].from, 0)
}

// Knows reports whether the key that sealed m's ticket is here: cheap, before anything else.
func (t *TicketKeys) Knows(m *M1R) bool { return t.find(m.ticket) != nil }

// Wipe overwrites the keys. What Rotate has copied is not concerned.
func (t *TicketKeys) Wipe() {
	for i := range t.keys {
		wipe(t.keys[i].key[:])
	}
	t.keys = nil
}

// ticketSecret is the key of one ticket. That its nonce has 16 bytes, which the AEAD's
// has not, is why it is derived: two tickets of one key never have the same.
func (k *ticketKey) ticketSecret(nonce []byte) Secret {
	mac := hmac.New(sha256.New, k.key[:])
	mac.Write([]byte("pqcoap ticket 1"))
	mac.Write(k.id[:])
	mac.Write(nonce)
	return mac.Sum(nil)
}

// seal returns id || nonce || AEAD(contents).
func (k *ticketKey) seal(rand io.Reader, contents []byte) ([]byte, error) {
	nonce, err := readSeed(rand, ticketNonceSize)
	if err != nil {
		return nil, err
	}
	ticket := append(k.id[:], nonce...)
	return append(ticket, seal(k.ticketSecret(nonce), contents)...), nil
}

// open is the inverse. The ticket has at least minTicket bytes.
func (k *ticketKey) open(ticket []byte) ([]byte, error) {
	if len(ticket) < ticketHead {
		return nil, ErrRejected
	}
	return open(k.ticketSecret(ticket[ticketIDSize:ticketHead]), ticket[ticketHead:])
}
