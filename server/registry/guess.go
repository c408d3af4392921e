package registry

import (
	"time"
)

// UnknownPerSecond is how many identifiers that belong to nobody are looked up in a second, all
// devices together. Beyond, invitations are not found either: who guesses codes gets no more
// answers than that. Devices that are enrolled are not slowed.
const UnknownPerSecond = 10

// maxGranted bounds the invitations that stay found.
const maxGranted = 4096

// guesses is a token bucket, of UnknownPerSecond tokens at most. It is guarded by Registry.mu.
type guesses struct {
	tokens  float64
	at      time.Time
	granted map[[16]byte]struct{} // found before: who asks again does not guess
}

func (g *guesses) start(now time.Time) {
	g.tokens, g.at, g.granted = UnknownPerSecond, now, map[[16]byte]struct{}{}
}

// guess takes a token for an identifier that is not found. Without a token it is ErrBusy, whether
// it is found or not.
func (r *Registry) guess(now time.Time, id [16]byte, found bool) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	g := &r.guesses
	if _, again := g.granted[id]; found && again {
		return nil
	}
	if passed := now.Sub(g.at); passed > 0 {
		g.tokens = min(UnknownPerSecond, g.tokens+passed.Seconds()*UnknownPerSecond)
	}
	g.at = now
	if g.tokens < 1 {
		return ErrBusy
	}
	if !found {
		g.tokens--
		return nil
	}
	if len(g.granted) >= maxGranted {
		clear(g.granted)
	}
	g.granted[id] = struct{}{}
	return nil
}
