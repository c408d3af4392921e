package coap

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"fmt"
	"io"
	"net/netip"
	"time"
)

// EchoSize is the length of the Echo values that EchoKeys makes: the byte of the slot and
// the first 7 bytes of the MAC.
const EchoSize = 8

const echoSlots = 128 // that the byte of the slot can tell apart

// An echoForm is one of the two kinds of Echo values.
type echoForm struct {
	bit  byte          // bit 7 of the slot byte
	slot time.Duration // the length of a slot
	past uint64        // slots before the current one that are accepted
}

var (
	shortEcho = echoForm{bit: 0, slot: 15 * time.Second, past: 4}
	longEcho  = echoForm{bit: 0x80, slot: time.Hour, past: 24}
)

// EchoKeys makes and checks Echo values (RFC 9175), which prove that who sends one has
// received at an IP address. A value is a byte for the time and a MAC of 56 bits
// (docs/protocol.md section 8). Bit 7 of the byte is set in the form that is good for
// 24 h, its other bits are the number of the time slot modulo 128. The MAC covers the
// form, the whole number of the slot, counted from the Unix epoch, and the address in its
// 16-byte form, but not the port. Each slot has its own key, derived from the secret.
//
// EchoKeys has no state, and so is safe for concurrent use.
type EchoKeys struct {
	short, long [32]byte
}

// NewEchoKeys takes the secrets of the two forms. That of the long one outlives a
// restart, so that devices come back in one round trip; that of the short one need not.
func NewEchoKeys(shortSecret, longSecret [32]byte) *EchoKeys {
	return &EchoKeys{short: shortSecret, long: longSecret}
}

// Format keeps the secrets out of logs.
func (k EchoKeys) Format(f fmt.State, _ rune) { io.WriteString(f, "coap.EchoKeys") }

// Append appends a value that is good for 60 s, and up to 15 s more.
func (k *EchoKeys) Append(b []byte, now time.Time, addr netip.Addr) []byte {
	return k.append(b, shortEcho, now, addr)
}

// AppendLong appends a value that is good for 24 h, and up to an hour more.
func (k *EchoKeys) AppendLong(b []byte, now time.Time, addr netip.Addr) []byte {
	return k.append(b, longEcho, now, addr)
}

func (k *EchoKeys) append(b []byte, form echoForm, now time.Time, addr netip.Addr) []byte {
	value := k.value(form, form.number(now), addr)
	return append(b, value[:]...)
}

// Verify tells whether value was made for this address and is still good. A value of a
// slot that has not begun is not.
func (k *EchoKeys) Verify(now time.Time, addr netip.Addr, value []byte) bool {
	if len(value) != EchoSize {
		return false
	}
	form := shortEcho
	if value[0]&longEcho.bit != 0 {
		form = longEcho
	}
	current := form.number(now)
	age := (current - uint64(value[0])) % echoSlots
	if age > form.past || age > current {
		return false
	}
	want := k.value(form, current-age, addr)
	return subtle.ConstantTimeCompare(want[:], value) == 1
}

// number returns the slot of a time.
func (f echoForm) number(now time.Time) uint64 {
	return uint64(max(0, now.Unix())) / uint64(f.slot/time.Second)
}

func (k *EchoKeys) value(form echoForm, slot uint64, addr netip.Addr) (value [EchoSize]byte) {
	secret := &k.short
	if form.bit != 0 {
		secret = &k.long
	}
	var input [9 + 16]byte
	input[0] = form.bit
	binary.BigEndian.PutUint64(input[1:], slot)
	key := hmacSum(secret[:], input[:9])
	address := addr.As16()
	copy(input[9:], address[:])
	mac := hmacSum(key, input[:])
	value[0] = form.bit | byte(slot%echoSlots)
	copy(value[1:], mac)
	return value
}

func hmacSum(key, input []byte) []byte {
	h := hmac.New(sha256.New, key)
	h.Write(input)
	return h.Sum(nil)
}
