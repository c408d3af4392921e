package record

import "slices"

const (
	// failedLimit is the number of records that may fail to open under one
	// key, 2^36 (RFC 9147 section 4.5.3); failedNear is where new keys are
	// asked for.
	failedLimit = 1 << 36
	failedNear  = 1 << 35
)

// An opener is one epoch of the receiving direction. Each has its own window,
// since every epoch counts from 0.
type opener struct {
	*protection
	secret secret
	keys   trafficKeys // those of protection, for an export
	epoch  uint64
	window window
	failed uint64 // records that did not authenticate
}

func newOpener(suite CipherSuite, s secret, epoch uint64) (*opener, error) {
	k, err := deriveKeys(suite, s)
	if err != nil {
		return nil, err
	}
	p, err := k.expand()
	if err != nil {
		return nil, err
	}
	return &opener{protection: p, secret: slices.Clone(s), keys: k, epoch: epoch}, nil
}

// wipe overwrites what an opener could be made of again.
func (o *opener) wipe() {
	o.secret.wipe()
	o.keys.wipe()
}

// open opens a whole record in place.
func (o *opener) open(record []byte, h header) (Record, error) {
	body := record[h.size:]
	if len(body) < minCiphertext || len(body) > maxCiphertext {
		return Record{}, errSize
	}
	if o.failed >= failedLimit {
		return Record{}, errExhausted
	}
	h.xor(record, o.maskOf(body))
	low, bits := h.low(record)
	seq := reconstruct(o.window.next, low, bits)
	inner, err := o.aead.Open(body[:0], o.nonceOf(seq), body, record[:h.size])
	if err != nil {
		o.failed++
		return Record{}, errNotAuthentic
	}
	content, t := splitInner(inner)
	if !t.valid() {
		return Record{}, errContentType
	}
	newest := seq >= o.window.next
	if !o.window.accept(seq) {
		return Record{}, ErrReplayed
	}
	return Record{Type: t, Content: content, Epoch: o.epoch, Sequence: seq, Newest: newest}, nil
}

// splitInner takes a DTLSInnerPlaintext apart (RFC 9147 section 4): content,
// its type, padding of zeros. The type is 0 where there is none.
func splitInner(inner []byte) (content []byte, t ContentType) {
	for i := len(inner) - 1; i >= 0; i-- {
		if inner[i] != 0 {
			return inner[:i], ContentType(inner[i])
		}
	}
	return nil, 0
}
