package vectors

import "github.com/pqcoap/pqcoap/conformance/reference"

// Content types and messages (docs/protocol.md section 11).
const (
	handshakeType = 22
	ackType       = 26
	pathType      = 27

	ticketMessage    = 4
	keyUpdateMessage = 24
)

// controlContents are the contents of records that a receiver has to read.
func controlContents() []Scenario {
	return []Scenario{handshakeContents(), ackContents(), pathContents()}
}

func control(name, about string, contentType byte, items ...ContentItem) Scenario {
	return &Contents{Header{"content-" + name, about, KindContents, OK}, contentType, items}
}

func malformed(s Hex) ContentItem { return ContentItem{Content: s, Result: Malformed} }

func handshakeContents() Scenario {
	ok := func(m reference.Message) ContentItem {
		return ContentItem{Content: m.Bytes(), Result: OK, Message: &m}
	}
	update := reference.Message{Type: keyUpdateMessage, Seq: 7, Body: Hex{1}}
	change := func(at int, to byte) ContentItem {
		b := update.Bytes()
		b[at] = to
		return malformed(b)
	}
	return control("handshake", "Section 11.1: messages after the handshake.", handshakeType,
		ok(update),
		ok(reference.Message{Type: keyUpdateMessage, Seq: 65535, Body: Hex{0}}),
		ok(reference.Message{Type: ticketMessage, Seq: 0, Body: random(40, "a ticket")}),
		ok(reference.Message{Type: ticketMessage, Seq: 1, Body: Hex{}}),
		change(0, 20), change(1, 1), change(2, 1), change(3, 2), change(6, 1), change(8, 1), change(11, 0), change(12, 2),
		malformed(reference.Message{Type: keyUpdateMessage, Body: Hex{}}.Bytes()),
		malformed(reference.Message{Type: keyUpdateMessage, Body: Hex{0, 0}}.Bytes()),
		malformed(update.Bytes()[:12]), malformed(update.Bytes()[:11]), malformed(append(update.Bytes(), 0)), malformed(Hex{}),
	)
}

func ackContents() Scenario {
	a, b, c := reference.Number{Epoch: 3, Sequence: 7}, reference.Number{Epoch: 3, Sequence: 8}, reference.Number{Epoch: 4, Sequence: 0}
	ok := func(n ...reference.Number) ContentItem {
		return ContentItem{Content: reference.ACK(n...), Result: OK, Numbers: n}
	}
	one := reference.ACK(a)
	longer, shorter := append(Hex{}, one...), append(Hex{}, one...)
	longer[1], shorter[1] = 32, 0
	return control("ack", "Section 11.1: ACKs.", ackType,
		ok(), ok(a), ok(a, b, c), ok(reference.Number{Epoch: 1<<48 - 1, Sequence: 1<<48 - 1}),
		malformed(longer), malformed(shorter), malformed(reference.ACK(a, a)), malformed(reference.ACK(b, a)),
		malformed(reference.ACK(c, b)), malformed(append(one, 0)), malformed(one[:17]), malformed(Hex{0}), malformed(Hex{}),
	)
}

func pathContents() Scenario {
	var items []ContentItem
	for kind := range byte(3) {
		p := reference.Path{Type: kind, Cookie: random(8, "cookie %d", kind)}
		b := append(Hex{kind}, p.Cookie...)
		items = append(items, ContentItem{Content: b, Result: OK, Path: &p}, malformed(b[:8]), malformed(append(append(Hex{}, b...), 0)))
	}
	for _, unknown := range []Hex{{3}, {255, 1, 2}} {
		items = append(items, ContentItem{Content: unknown, Result: Ignored, Path: &reference.Path{Type: unknown[0]}})
	}
	return control("path", "Section 11.3: path messages.", pathType, append(items, malformed(Hex{}))...)
}

// suiteNames are those of cipher suites in the names of scenarios.
var suiteNames = map[uint16]string{aes128: "aes128", aes256: "aes256"}

// updates are key updates at a receiver, over six epochs: the two bits of the header come round.
func updates() []Scenario {
	return []Scenario{update(aes128), update(aes256)}
}

func update(cipherSuite uint16) Scenario {
	d := newDirection(cipherSuite, connectionIDs[2])
	v := &Update{Header: Header{"update-" + suiteNames[cipherSuite], "Section 11.2: key updates, each acknowledged.", KindUpdate, OK}, Keys: d.keys}
	secret := d.keys.Secret
	for i := range uint64(6) {
		t, e := must1(reference.NewTraffic(cipherSuite, secret)), reference.Header{ConnectionID: d.keys.ConnectionID, Epoch: 3 + i}
		message := reference.Message{Type: keyUpdateMessage, Seq: uint16(i), Body: Hex{0}}
		v.Epochs = append(v.Epochs, UpdateEpoch{
			Epoch: e.Epoch, Secret: secret, Key: t.Key, IV: t.IV, SN: t.SN,
			Record:  t.Seal(e, 0, application, content(i), 0),
			Content: content(i),
			Update:  t.Seal(e, 1, handshakeType, message.Bytes(), 0),
			ACK:     d.traffic.Seal(d.header(form{}), i, ackType, reference.ACK(reference.Number{Epoch: e.Epoch, Sequence: 1}), 0),
		})
		secret = reference.NextSecret(cipherSuite, secret)
	}
	return v
}
