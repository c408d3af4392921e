package lasting

import (
	"bytes"
	"net/netip"
	"time"
)

// A Fate is what befalls one datagram.
type Fate uint8

// The fates. An attacker has an address of its own each time, and hears what is sent there.
const (
	Passes   Fate = iota
	Lost          //
	Doubled       // the copy comes 20 ms later
	Late          // by 300 ms
	VeryLate      // by 20 s
	Copied        // an attacker sends a copy that comes 2 s later
	Raced         // and one that comes 10 ms before
	Diverted      // and one instead
	fates
)

// Fates is how many there are.
const Fates = int(fates)

// attackers is where the copies come from.
var attackers = netip.MustParseAddr("203.0.113.66")

// A Count is datagrams and bytes of UDP payload, lost ones too.
type Count struct {
	Datagrams, Bytes int
}

func (c *Count) add(size int) { c.Datagrams++; c.Bytes += size }

// Traffic is what both sides have sent, and what of it has come to where the device is.
type Traffic struct {
	ToServer, ToDevice Count
	Arrived            Count
}

// Sub is what has been sent since an earlier Traffic.
func (t Traffic) Sub(before Traffic) Traffic {
	sub := func(a, b Count) Count { return Count{a.Datagrams - b.Datagrams, a.Bytes - b.Bytes} }
	return Traffic{sub(t.ToServer, before.ToServer), sub(t.ToDevice, before.ToDevice), sub(t.Arrived, before.Arrived)}
}

// Bytes is the sum of both directions.
func (t Traffic) Bytes() int { return t.ToServer.Bytes + t.ToDevice.Bytes }

// fate takes the next out of the script; behind its end chance decides about loss.
func (w *World) fate() Fate {
	if len(w.Script) > 0 {
		f := w.Script[0]
		w.Script = w.Script[1:]
		return f
	}
	if w.Loss > 0 && w.loss.Float64() < w.Loss {
		return Lost
	}
	return Passes
}

// carry takes a datagram that has just been sent.
func (w *World) carry(from, to netip.AddrPort, datagram []byte) {
	toServer := to == Server
	if err := w.Audit.Sent(toServer, datagram); err != nil && (toServer || !w.isReset(datagram)) {
		w.fail(err)
	}
	if datagram[0]>>6 == 1 {
		w.plain += len(datagram)
	}
	if toServer {
		w.Traffic.ToServer.add(len(datagram))
	} else {
		w.Traffic.ToDevice.add(len(datagram))
		w.spent(to, len(datagram))
	}
	deliver := func(from netip.AddrPort, after time.Duration) {
		b := bytes.Clone(datagram)
		w.after(w.Delay+after, func() { w.arrive(from, to, b) })
	}
	switch w.fate() {
	case Passes:
		deliver(from, 0)
	case Doubled:
		deliver(from, 0)
		deliver(from, 20*time.Millisecond)
	case Late:
		deliver(from, 300*time.Millisecond)
	case VeryLate:
		deliver(from, 20*time.Second)
	case Copied:
		deliver(from, 0)
		deliver(w.attacker(), 2*time.Second)
	case Raced:
		deliver(w.attacker(), -10*time.Millisecond)
		deliver(from, 0)
	case Diverted:
		deliver(w.attacker(), 0)
	}
}

func (w *World) attacker() netip.AddrPort {
	w.attackers++
	return netip.AddrPortFrom(attackers, 1024+w.attackers)
}

// arrive gives a datagram to whom it has been sent to, if that is still there. What is sent to a
// device comes from whatever address: it does not look.
func (w *World) arrive(from, to netip.AddrPort, datagram []byte) {
	switch {
	case to == Server && w.down:
	case to == Server:
		if from.Addr() == attackers {
			w.given[from] += 3 * len(datagram)
		}
		w.server.Receive(w.Now, from, netip.Addr{}, datagram, &w.out)
		w.fromServer()
	case to == w.Address && w.device != nil:
		w.Traffic.Arrived.add(len(datagram))
		w.device.Receive(w.Now, datagram, &w.out)
		w.fromDevice()
	}
}

// spent holds the server to three times the bytes that came from an attacker's address.
func (w *World) spent(to netip.AddrPort, size int) {
	if to.Addr() != attackers {
		return
	}
	w.given[to] -= size
	w.Stolen.add(size)
	if w.given[to] < 0 {
		w.fail(errAmplified)
	}
}
