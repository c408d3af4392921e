package vectors

import (
	"fmt"
	"slices"

	"github.com/pqcoap/pqcoap/conformance/reference"
)

// Cipher suites of the records, and content types (docs/protocol.md sections 2 and 11).
const (
	aes128 = 0x1301
	aes256 = 0x1302

	alert       = 21
	application = 23
)

// connectionIDs are one of each size; the first is that of a device: none.
var connectionIDs = []Hex{{}, {0x2a}, {0x6a, 1}, {0x80, 1, 2, 3}, {0xc0, 1, 2, 3, 4, 5, 6, 7}}

// A direction is one direction of records.
type direction struct {
	keys    Keys
	traffic *reference.Traffic
}

func newDirection(cipherSuite uint16, connectionID Hex) direction {
	size := 48
	if cipherSuite == aes128 {
		size = 32
	}
	secret := random(size, "traffic secret, cipher suite %#04x", cipherSuite)
	t := must1(reference.NewTraffic(cipherSuite, secret))
	return direction{Keys{cipherSuite, secret, connectionID, t.Key, t.IV, t.SN}, t}
}

// A form is the bits S and L of a header.
type form struct{ wide, length bool }

// header returns a header of epoch 3.
func (d direction) header(f form) reference.Header {
	return reference.Header{ConnectionID: d.keys.ConnectionID, Wide: f.wide, Length: f.length, Epoch: 3}
}

// record is an application record with a number.
func (d direction) record(f form, seq uint64) Hex {
	return d.traffic.Seal(d.header(f), seq, application, content(seq), 0)
}

func content(seq uint64) Hex { return fmt.Appendf(nil, "record %d", seq) }

// accepted is the result of record, where it is later than all before.
func accepted(seq uint64) Result {
	return Result{OK, application, content(seq), 3, seq, true}
}

// late is the result where a later one has been here.
func late(seq uint64) Result {
	return Result{OK, application, content(seq), 3, seq, false}
}

// one is a datagram with one record.
func one(b Hex, r Result) Datagram { return Datagram{b, []Result{r}} }

func (d direction) receive(name, about string, expect Outcome, datagrams ...Datagram) Scenario {
	return &Receive{Header{"receive-" + name, "Section 11: " + about, KindReceive, expect}, d.keys, datagrams}
}

// receives are records at a receiver.
func receives() (all []Scenario) {
	for _, suite := range []uint16{aes128, aes256} {
		for _, id := range connectionIDs {
			all = append(all, headerForms(newDirection(suite, id)))
		}
	}
	d := newDirection(aes128, connectionIDs[2])
	return append(all, numbers(d), lostNumbers(d), contents(d), ignored(d), several(d), truncated(d), replays(d), tampered(d), strangers(d))
}

// headerForms has S and L in all combinations, for the connection ID of the direction.
func headerForms(d direction) Scenario {
	var datagrams []Datagram
	for i, f := range []form{{false, false}, {false, true}, {true, false}, {true, true}} {
		datagrams = append(datagrams, one(d.record(f, uint64(i)), accepted(uint64(i))))
	}
	return d.receive(fmt.Sprintf("header-%s-cid%d", suiteNames[d.keys.CipherSuite], len(d.keys.ConnectionID)),
		"numbers of 8 and 16 bits, without and with length.", OK, datagrams...)
}

// numbers need the rest of the number reconstructed (RFC 9147 section 4.2.2).
func numbers(d direction) Scenario {
	short, wide := form{}, form{wide: true}
	return d.receive("numbers", "numbers whose high bits the receiver has to find.", OK,
		one(d.record(short, 100), accepted(100)),
		one(d.record(short, 228), accepted(228)), // 127 ahead of the next
		one(d.record(short, 300), accepted(300)), // low bits are smaller: next span
		one(d.record(short, 230), late(230)),     // low bits are larger: the span before
		one(d.record(short, 174), late(174)),     // 127 behind the next
		one(d.record(wide, 33067), accepted(33067)),
		one(d.record(wide, 65535), accepted(65535)),
		one(d.record(short, 65540), accepted(65540)),
		one(d.record(wide, 65600), accepted(65600)),
		one(d.record(short, 65500), late(65500)), // behind the wrap of 16 bits
		one(d.record(wide, 65400), late(65400)),
		one(d.record(wide, 98000), accepted(98000)),
	)
}

// lostNumbers are too far ahead for the form of their number.
func lostNumbers(d direction) Scenario {
	rejected := Result{Result: Rejected}
	return d.receive("numbers-too-far", "records so far ahead that the number is reconstructed wrongly: they do not open.", Rejected,
		one(d.record(form{wide: true}, 40000), accepted(40000)),
		one(d.record(form{}, 40200), rejected),
		one(d.record(form{wide: true}, 80000), rejected),
		one(d.record(form{wide: true}, 40200), accepted(40200)),
	)
}

// contents are other types, padding, and nothing at all.
func contents(d direction) Scenario {
	seal := func(seq uint64, contentType byte, content string, padding int) Hex {
		return d.traffic.Seal(d.header(form{}), seq, contentType, []byte(content), padding)
	}
	return d.receive("contents", "close_notify, padding, and an empty content.", OK,
		one(seal(0, application, "padded", 40), Result{OK, application, Hex("padded"), 3, 0, true}),
		one(seal(1, application, "zeros\x00\x00", 2), Result{OK, application, Hex("zeros\x00\x00"), 3, 1, true}),
		one(seal(2, application, "", 0), Result{OK, application, Hex{}, 3, 2, true}),
		one(seal(3, alert, "\x01\x00", 0), Result{OK, alert, Hex{1, 0}, 3, 3, true}),
	)
}

// ignored are authentic and have no effect.
func ignored(d direction) Scenario {
	seal := func(seq uint64, contentType byte, content string) Hex {
		return d.traffic.Seal(d.header(form{}), seq, contentType, []byte(content), 0)
	}
	nothing := Result{Result: Ignored}
	return d.receive("ignored", "a content type nobody knows, and nothing but padding: no effect.", Ignored,
		one(seal(0, 99, "unknown"), nothing),
		one(seal(1, 0, ""), nothing),
		one(d.record(form{}, 2), accepted(2)),
	)
}

// several are records that share a datagram; one that fails does not harm the others.
func several(d direction) Scenario {
	narrow, wide, last := form{length: true}, form{true, true}, form{}
	bad := flip(d.record(narrow, 4), 12)
	return d.receive("several", "records that share a datagram; what fails of them does not harm the others.", Rejected,
		Datagram{slices.Concat(d.record(narrow, 0), d.record(wide, 1), d.record(last, 2)), []Result{accepted(0), accepted(1), accepted(2)}},
		Datagram{slices.Concat(d.record(wide, 3), bad, d.record(narrow, 5)), []Result{accepted(3), {Result: Rejected}, accepted(5)}},
		Datagram{slices.Concat(d.record(narrow, 6), Hex{0x40, 0, 1, 2}), []Result{accepted(6), {Result: Rejected}}},
		Datagram{slices.Concat(d.record(narrow, 7), d.record(narrow, 7)), []Result{accepted(7), {Result: Replayed}}},
	)
}

// truncated are cut, or shorter than the encryption of the number needs.
func truncated(d direction) Scenario {
	rejected := Result{Result: Rejected}
	whole, long := d.record(form{}, 0), d.record(form{length: true}, 0)
	head := 1 + len(d.keys.ConnectionID) + 1
	return d.receive("truncated", "records that are cut.", Rejected,
		one(whole[:1], rejected),
		one(whole[:head], rejected),
		one(whole[:head+15], rejected),
		one(whole[:head+16], rejected),
		one(whole[:len(whole)-1], rejected),
		one(long[:len(long)-1], rejected),
		one(whole, accepted(0)),
	)
}

// replays come again, or too late for the window of 256.
func replays(d direction) Scenario {
	replayed := Result{Result: Replayed}
	wide := form{wide: true}
	return d.receive("replays", "records that come again, and the edges of the window.", Replayed,
		one(d.record(wide, 5), accepted(5)),
		one(d.record(wide, 5), replayed),
		one(d.record(form{}, 5), replayed), // another header, the same number
		one(d.record(wide, 0), late(0)),
		one(d.record(wide, 300), accepted(300)), // numbers below 45 are too old now
		one(d.record(wide, 45), late(45)),
		one(d.record(wide, 45), replayed),
		one(d.record(wide, 44), replayed),
		one(d.record(wide, 299), late(299)),
		one(d.record(wide, 300), replayed),
	)
}

// tampered come before the genuine record, which has to be accepted all the same.
func tampered(d direction) Scenario {
	rejected := Result{Result: Rejected}
	genuine := d.record(form{wide: true}, 1000)
	var datagrams []Datagram
	for _, at := range []int{0, 1, 2, 3, 4, 5, len(genuine) - 1} {
		datagrams = append(datagrams, one(flip(genuine, at), rejected))
	}
	return d.receive("tampered", "one bit changed, in each field of the header and in the ciphertext: no effect.", Rejected,
		append(datagrams, one(genuine, accepted(1000)))...)
}

// strangers are not of this receiver, epoch or protocol.
func strangers(d direction) Scenario {
	rejected := Result{Result: Rejected}
	seal := func(id Hex, epoch uint64) Hex {
		return d.traffic.Seal(reference.Header{ConnectionID: id, Epoch: epoch}, 0, application, content(0), 0)
	}
	own := d.keys.ConnectionID
	other := newDirection(aes256, own)
	return d.receive("strangers", "other connection IDs, epochs and keys.", Rejected,
		one(seal(flip(own, 1), 3), rejected),
		one(seal(nil, 3), rejected),
		one(seal(own, 0), rejected),
		one(seal(own, 1), rejected),
		one(seal(own, 2), rejected),
		one(other.record(form{}, 0), rejected),
		one(seal(own, 3), accepted(0)),
	)
}

// sends are records as a sender makes them.
func sends() []Scenario {
	return []Scenario{
		send(newDirection(aes128, connectionIDs[0]), "to-device-aes128"),
		send(newDirection(aes256, connectionIDs[1]), "to-server-aes256"),
	}
}

// send has 66 records without a word from the peer, then four after one. A number has 16
// bits as soon as 64 records are out.
func send(d direction, name string) Scenario {
	v := &Send{Header: Header{"send-" + name, "Section 11: the 8-bit form only while fewer than 64 records are out.", KindSend, OK}, Keys: d.keys}
	for seq := range uint64(70) {
		step := SendStep{Type: application, Content: content(seq), Last: seq%2 == 0}
		known := uint64(0)
		if seq >= 66 {
			known = 3 // the records 0 to 2, and those after are out
		}
		if seq == 66 {
			confirmed := known - 1
			step.Confirmed = &confirmed
		}
		step.Record = d.record(form{wide: seq-known >= 64, length: !step.Last}, seq)
		v.Steps = append(v.Steps, step)
	}
	return v
}
