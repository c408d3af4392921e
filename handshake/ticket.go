package handshake

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"time"
)

// Limits are how long a server resumes a session. The first counts from the last full
// handshake, the others from the last KEM key, which is the device's pk_e in a handshake or
// resumption.
type Limits struct {
	Lifetime time.Duration // of all tickets that come from one full handshake; at least 1 s
	Small    uint8         // resumptions in a row without a KEM key
	SmallAge time.Duration // how old the last KEM key may be without a new one
}

// A lineage is what a server's ticket says of a session besides its secret.
type lineage struct {
	credential  ClientCredential
	server      [ticketKIDSize]byte // kid_S of the full handshake begins so
	digest      [pskDigestSize]byte // of the PSK in ModePSK, else zero
	policy      uint8
	resumptions uint8 // since the last KEM key
	fresh       bool  // this handshake had a KEM key: kemTime is not known yet
	kemTime     int64 // s since 1970: when the last KEM key was new
	expires     int64 // s since 1970; 0 until the first ticket after a full handshake
}

// small reports for how long from now resumptions without a KEM key are allowed.
func (g *lineage) small(now int64, limits Limits) int64 {
	if g.resumptions >= limits.Small {
		return 0
	}
	return max(0, g.kemTime+int64(limits.SmallAge/time.Second)-now)
}

// at fills in the times that a handshake did not know.
func (g lineage) at(now int64, limits Limits) lineage {
	if g.fresh {
		g.kemTime = now
	}
	if g.expires == 0 {
		g.expires = now + int64(limits.Lifetime/time.Second)
	}
	return g
}

// pskDigestSize is enough to see that the operator has put another key under an identifier.
const pskDigestSize = 8

// digest tells the PSK from a later one under the same identifier.
func (p *PSK) digest() [16]byte {
	mac := hmac.New(sha256.New, p.Key[:])
	mac.Write([]byte("pqcoap ticket"))
	mac.Write(p.ID[:])
	return [16]byte(mac.Sum(nil))
}

// digest is what a ticket holds of the grant's PSK.
func (g *Grant) digest() (d [pskDigestSize]byte) {
	if g.PSK != nil {
		full := g.PSK.digest()
		copy(d[:], full[:])
	}
	return d
}

// Layout of a ticket (docs/protocol.md section 16.6): id || nonce || AEAD(contents), with
// contents = suite, mode, resumptions, policy, then expiry and time of the last KEM key in
// 4 bytes each, the first 4 of kid_S, the resumption secret, in modes kem and psk the 16 bytes of
// credential_C, and in mode psk the digest.
const (
	ticketIDSize    = 2
	ticketNonceSize = 16
	ticketHead      = ticketIDSize + ticketNonceSize
	ticketKIDSize   = 4 // it tells the server's own keys from each other
	ticketNone      = 4 + 4 + 4 + ticketKIDSize + resumptionSize
	ticketKEM       = ticketNone + 16
	ticketPSK       = ticketKEM + pskDigestSize
)

// contents returns what a ticket seals: a secret.
func (g *lineage) contents(suite Suite, resumption Secret) []byte {
	b := make([]byte, 0, ticketPSK)
	b = append(b, byte(suite), byte(g.credential.Mode), g.resumptions, g.policy)
	b = binary.BigEndian.AppendUint32(b, uint32(g.expires))
	b = binary.BigEndian.AppendUint32(b, uint32(g.kemTime))
	b = append(b, g.server[:]...)
	b = append(b, resumption...)
	if g.credential.Mode != ModeNone {
		b = append(b, g.credential.ID[:]...)
	}
	if g.credential.Mode == ModePSK {
		b = append(b, g.digest[:]...)
	}
	return b
}

// parseContents is the inverse. What it returns does not alias b.
func parseContents(b []byte) (suite Suite, resumption Secret, g lineage, err error) {
	if len(b) < ticketNone {
		return 0, nil, g, ErrRejected
	}
	suite, g.credential.Mode = Suite(b[0]), Mode(b[1])
	size, ok := map[Mode]int{ModeNone: ticketNone, ModeKEM: ticketKEM, ModePSK: ticketPSK}[g.credential.Mode]
	if !suite.Valid() || !ok || len(b) != size {
		return 0, nil, g, ErrRejected
	}
	g.resumptions, g.policy = b[2], b[3]
	g.expires = int64(binary.BigEndian.Uint32(b[4:]))
	g.kemTime = int64(binary.BigEndian.Uint32(b[8:]))
	copy(g.server[:], b[12:])
	resumption = bytes.Clone(b[16:ticketNone])
	copy(g.credential.ID[:], b[ticketNone:])
	copy(g.digest[:], b[min(len(b), ticketKEM):])
	return suite, resumption, g, nil
}

// Issue makes a ticket for the session of a server's Result, by the newest key. Call it when
// Respond has returned, with the same now: ages count from it. The ticket is for a record of
// that session, once the session is confirmed. It reads 16 bytes from rand. ErrMisuse
// without a key, or for a Result or Limits that give no ticket.
func (t *TicketKeys) Issue(rand io.Reader, now time.Time, res *Result, limits Limits) (*NewTicket, error) {
	key, at := t.newest(now), now.Unix()
	switch {
	case key == nil:
		return nil, fmt.Errorf("%w: no ticket key is in use yet", ErrMisuse)
	case res.lineage == lineage{} || len(res.Resumption) != resumptionSize:
		return nil, fmt.Errorf("%w: not the result of a server", ErrMisuse)
	case limits.Lifetime < time.Second || limits.SmallAge < 0:
		return nil, fmt.Errorf("%w: limits of tickets", ErrMisuse)
	}
	g := res.lineage.at(at, limits)
	if at < 0 || g.expires <= at || g.expires > maxSeconds {
		return nil, fmt.Errorf("%w: a ticket that ends before it begins", ErrMisuse)
	}
	contents := g.contents(res.Suite, res.Resumption)
	defer wipe(contents)
	ticket, err := key.seal(rand, contents)
	if err != nil {
		return nil, err
	}
	left := g.expires - at
	return &NewTicket{
		Ticket:   ticket,
		Lifetime: seconds(uint64(left)),
		Small:    seconds(uint64(min(left, g.small(at, limits)))),
	}, nil
}
