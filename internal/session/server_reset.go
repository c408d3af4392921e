package session

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"net/netip"
	"time"

	"github.com/pqcoap/pqcoap/record"
)

// resetEras is for how many starts of the server back a lost session is told of: as many as three
// times the bytes of a record allow, the present one counted.
const resetEras = 3

// resetToken is that of docs/protocol.md section 11. An ID is given once in an era, so that who
// had it before does not know its token.
func (s *Server) resetToken(era uint32, id record.ConnectionID) (token record.ResetToken) {
	mac := hmac.New(sha256.New, s.cfg.ResetKey[:])
	mac.Write(binary.BigEndian.AppendUint32(nil, era))
	mac.Write(id.Append(nil))
	copy(token[:], mac.Sum(nil))
	return token
}

// reset tells who has sent a record with an ID that no session has that its session is gone. A
// token of this era is told only if the ID was given: nobody gets it again before the next.
func (s *Server) reset(now time.Time, to netip.AddrPort, at netip.Addr, id record.ConnectionID, trigger int, out *Outbox) {
	for back := range uint32(resetEras) {
		if back > s.cfg.Era || back == 0 && !s.sessions.given(id) {
			continue
		}
		// Who sends records with made-up IDs must not have the server busy with answers.
		if !s.gate.resets.Take(now, to.Addr()) {
			s.stats.ResetsWithheld++
			return
		}
		b, ok, err := record.AppendReset(nil, s.cfg.Rand, s.resetToken(s.cfg.Era-back, id), trigger)
		if err != nil || !ok {
			return
		}
		s.stats.Records.sent(len(b))
		s.stats.Resets++
		out.add(to, at, b)
	}
}
