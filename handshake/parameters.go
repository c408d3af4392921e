package handshake

import (
	"fmt"
	"math"
	"time"
)

// Parameters are what each side tells the other about itself (docs/protocol.md section 4).
// A zero field is absent.
type Parameters struct {
	MaxUDPPayload uint16        // key 1: largest UDP payload the sender takes, 64 to 65527
	IdleTimeout   time.Duration // key 2: how long it keeps an idle session, in whole seconds
	Echo          []byte        // key 3: 8 bytes, a 24-hour Echo; from the server only
	Successor     [8]byte       // key 4: kid_S by which the server wants to be known; from the server only
}

const (
	keyMaxUDPPayload = 1
	keyIdleTimeout   = 2
	keyEcho          = 3
	keySuccessor     = 4

	minUDPPayload = 64
	maxUDPPayload = 65527
	echoSize      = 8
	maxSeconds    = math.MaxUint32
)

// check reports fields that cannot be sent, with ErrMisuse.
func (p *Parameters) check() error {
	if n := p.MaxUDPPayload; n != 0 && (n < minUDPPayload || n > maxUDPPayload) {
		return fmt.Errorf("%w: MaxUDPPayload", ErrMisuse)
	}
	if t := p.IdleTimeout; t < 0 || t%time.Second != 0 || t > maxSeconds*time.Second {
		return fmt.Errorf("%w: IdleTimeout", ErrMisuse)
	}
	if p.Echo != nil && len(p.Echo) != echoSize {
		return fmt.Errorf("%w: Echo", ErrMisuse)
	}
	return nil
}

// fromServer reports whether there are parameters that a device does not send.
func (p *Parameters) fromServer() bool { return p.Echo != nil || p.Successor != [keyIDSize]byte{} }

// object returns checked parameters for the encoder.
func (p *Parameters) object() map[uint64]any {
	o := make(map[uint64]any)
	if p.MaxUDPPayload != 0 {
		o[keyMaxUDPPayload] = uint64(p.MaxUDPPayload)
	}
	if p.IdleTimeout != 0 {
		o[keyIdleTimeout] = uint64(p.IdleTimeout / time.Second)
	}
	if p.Echo != nil {
		o[keyEcho] = p.Echo
	}
	if p.Successor != [keyIDSize]byte{} {
		o[keySuccessor] = p.Successor[:]
	}
	return o
}

// parseParameters is the inverse. Keys it does not know are ignored.
func parseParameters(o map[uint64]any) (p Parameters, err error) {
	if o == nil { // CBOR null
		return p, ErrMalformed
	}
	for key, value := range o {
		number, isNumber := value.(uint64)
		bytes, isBytes := value.([]byte)
		ok := true
		switch key {
		case keyMaxUDPPayload:
			ok = isNumber && number >= minUDPPayload && number <= maxUDPPayload
			p.MaxUDPPayload = uint16(number)
		case keyIdleTimeout:
			ok = isNumber
			p.IdleTimeout = seconds(number)
		case keyEcho:
			ok = isBytes && len(bytes) == echoSize
			p.Echo = bytes
		case keySuccessor:
			ok = isBytes && len(bytes) == keyIDSize
			copy(p.Successor[:], bytes)
			ok = ok && p.Successor != [keyIDSize]byte{} // which is none
		}
		if !ok {
			return Parameters{}, ErrMalformed
		}
	}
	return p, nil
}

// seconds is a duration of n seconds; what is longer than a device lives is cut.
func seconds(n uint64) time.Duration {
	return time.Duration(min(n, maxSeconds)) * time.Second
}
