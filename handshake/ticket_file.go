package handshake

// kindTickets is the second element of a server's file of ticket keys.
const kindTickets = "tickets"

// ticketKeysObject is [1, "tickets", [[id, from, key], ...]], oldest first.
type ticketKeysObject struct {
	_       struct{} `cbor:",toarray"`
	Version uint64
	Kind    string
	Keys    []ticketKeyObject
}

type ticketKeyObject struct {
	_    struct{} `cbor:",toarray"`
	ID   []byte
	From uint32
	Key  []byte
}

// Append appends the object of all keys to b. These are the secrets themselves.
func (t *TicketKeys) Append(b []byte) []byte {
	o := ticketKeysObject{Version: keyVersion, Kind: kindTickets, Keys: []ticketKeyObject{}}
	for i := range t.keys {
		k := &t.keys[i]
		o.Keys = append(o.Keys, ticketKeyObject{ID: k.id[:], From: uint32(k.from), Key: k.key[:]})
	}
	object := encode(o)
	defer wipe(object)
	return append(b, object...)
}

// ParseTicketKeys decodes what Append made. It fails with ErrMalformed, or ErrUnsupported for
// a version it does not know.
func ParseTicketKeys(b []byte) (*TicketKeys, error) {
	var o ticketKeysObject
	err := decode(b, &o)
	defer func() {
		for _, k := range o.Keys {
			wipe(k.Key)
		}
	}()
	switch {
	case err != nil || o.Kind != kindTickets || o.Keys == nil:
		return nil, ErrMalformed
	case o.Version != keyVersion:
		return nil, ErrUnsupported
	}
	t := &TicketKeys{}
	for _, k := range o.Keys {
		if err := t.add(k); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// add takes one key of a file: the identifiers differ and the times do not decrease.
func (t *TicketKeys) add(o ticketKeyObject) error {
	n := len(t.keys)
	if len(o.ID) != ticketIDSize || len(o.Key) != ticketKeySize || t.find(o.ID) != nil ||
		n > 0 && t.keys[n-1].from > int64(o.From) {
		return ErrMalformed
	}
	t.keys = append(t.keys, ticketKey{[ticketIDSize]byte(o.ID), int64(o.From), [ticketKeySize]byte(o.Key)})
	return nil
}
