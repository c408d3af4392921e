package reference

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
)

// A TicketKey seals tickets in the format of docs/protocol.md section 16.6.
type TicketKey struct {
	ID   Hex    `json:"id"`
	From uint64 `json:"from"` // s since 1970
	Key  Hex    `json:"key"`
}

// Contents is what a ticket holds.
type Contents struct {
	Suite       byte   `json:"suite"`
	Mode        Mode   `json:"mode"`
	Resumptions byte   `json:"resumptions"`
	Policy      byte   `json:"policy"`
	Expires     uint32 `json:"expires"`
	KEMTime     uint32 `json:"kem_time"`
	KidS        Hex    `json:"kid_s"`
	Secret      Hex    `json:"secret"`
	ID          Hex    `json:"id,omitempty"`     // of credential_C
	Digest      Hex    `json:"digest,omitempty"` // of the PSK
}

// Bytes returns the contents as they are sealed.
func (c *Contents) Bytes() []byte {
	b := []byte{c.Suite, byte(c.Mode), c.Resumptions, c.Policy}
	b = binary.BigEndian.AppendUint32(b, c.Expires)
	b = binary.BigEndian.AppendUint32(b, c.KEMTime)
	for _, part := range [][]byte{c.KidS[:4], c.Secret, c.ID, c.Digest} {
		b = append(b, part...)
	}
	return b
}

// Seal returns a ticket.
func (k *TicketKey) Seal(nonce, contents []byte) []byte {
	mac := hmac.New(sha256.New, k.Key)
	mac.Write([]byte("pqcoap ticket 1"))
	mac.Write(k.ID)
	mac.Write(nonce)
	ticket := append(append([]byte(nil), k.ID...), nonce...)
	return append(ticket, Seal(mac.Sum(nil), contents)...)
}

// EncodeTicketKeys returns the object of the server's file.
func EncodeTicketKeys(keys ...TicketKey) []byte {
	var all [][]byte
	for _, k := range keys {
		all = append(all, Array(Bytes(k.ID), Uint(k.From), Bytes(k.Key)))
	}
	return Array(Uint(1), Text("tickets"), Array(all...))
}

// A State is what a device keeps for a resumption.
type State struct {
	Suite       byte   `json:"suite"`
	Mode        Mode   `json:"mode"`
	Fingerprint Hex    `json:"fingerprint"`
	Identity    Hex    `json:"identity"`
	Expires     uint64 `json:"expires"`     // s since 1970
	SmallUntil  uint64 `json:"small_until"` // s since 1970
	Ticket      Hex    `json:"ticket"`
	Secret      Hex    `json:"secret"`
}

// CBOR returns the object of the device's file.
func (s *State) CBOR() []byte {
	return Array(Uint(1), Text("resumption"), Uint(uint64(s.Suite)), Uint(uint64(s.Mode)), Bytes(s.Fingerprint),
		Bytes(s.Identity), Uint(s.Expires), Uint(s.SmallUntil), Bytes(s.Ticket), Bytes(s.Secret))
}

// PSKDigest is what a device's state has as its identity in mode psk, and a ticket 8 bytes of.
func PSKDigest(id, psk []byte) []byte {
	mac := hmac.New(sha256.New, psk)
	mac.Write([]byte("pqcoap ticket"))
	mac.Write(id)
	return mac.Sum(nil)[:16]
}

// EncodeNewTicket returns the content of NewTicket.
func EncodeNewTicket(ticket []byte, lifetime, small uint64) []byte {
	return Array(Bytes(ticket), Uint(lifetime), Uint(small))
}
