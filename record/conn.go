package record

// firstEpoch is that of the first application data (RFC 9147 section 6.1).
const firstEpoch = 3

// A Conn is the state of one session's records in both directions.
type Conn struct {
	suite     CipherSuite
	send      *sealer
	receive   [2]*opener // the newest epoch, then the one before it or nil
	receiveID ConnectionID
	exported  bool // its state has been given away
}

// A Record is what Open has taken out of a datagram.
type Record struct {
	Type     ContentType
	Content  []byte // aliases the datagram
	Epoch    uint64
	Sequence uint64
	// Newest means that no authentic record came later than this one in the
	// sender's order.
	Newest bool
}

// Number returns the number of the record.
func (r Record) Number() RecordNumber { return RecordNumber{r.Epoch, r.Sequence} }

// Moves reports that the record may move the peer's address: it is the newest, and no
// path message, which begins no check (see Path.Receive).
func (r Record) Moves() bool { return r.Newest && r.Type != ReturnRoutability }

// NewConn returns the records of a session, from epoch 3 on.
func NewConn(cfg Config) (*Conn, error) {
	send, err := newSealer(cfg.Suite, cfg.SendSecret, firstEpoch, cfg.SendID)
	if err != nil {
		return nil, err
	}
	receive, err := newOpener(cfg.Suite, cfg.ReceiveSecret, firstEpoch)
	if err != nil {
		return nil, err
	}
	c := &Conn{suite: cfg.Suite, send: send, receiveID: cfg.ReceiveID}
	c.install(receive)
	return c, nil
}

// install makes o the newest epoch on receive. The one before it stays open
// for records that were on their way (RFC 9147 section 4.2.1).
func (c *Conn) install(o *opener) {
	c.receive[1], c.receive[0] = c.receive[0], o
}

// Seal appends one record to dst. With last the record has no length and must
// be the last of its datagram; without, another may follow. The content may
// lie in the spare capacity of dst. On error dst is returned as it was:
// ErrLimit where the keys are used up, ErrTooLarge for more than MaxContent
// bytes, ErrExported after Control.Export. A content type that is not one of the constants is a mistake of the
// caller and panics.
func (c *Conn) Seal(dst []byte, t ContentType, content []byte, last bool) ([]byte, error) {
	if c.exported {
		return dst, ErrExported
	}
	return c.send.seal(dst, t, content, last)
}

// Open opens the first record of a datagram in place and returns what follows
// it. Where the record is rejected, rest is still returned if the record had a
// length and this session's connection ID, so that the others of the datagram
// can be opened. Rejection may overwrite the record, but never the last 16
// bytes of the datagram, where a stateless reset has its token.
func (c *Conn) Open(datagram []byte) (r Record, rest []byte, err error) {
	if c.exported {
		return Record{}, nil, errExported
	}
	h, end, err := parseHeader(datagram, &c.receiveID)
	if err != nil {
		return Record{}, nil, err
	}
	if end < len(datagram) {
		rest = datagram[end:]
	}
	o := c.opener(h.first)
	if o == nil {
		return Record{}, rest, errEpoch
	}
	r, err = o.open(datagram[:end], h)
	if o != c.receive[0] && c.receive[0].window.next > 0 {
		r.Newest = false // a record of the newer epoch has been here
	}
	return r, rest, err
}

// opener returns the most recent epoch with the low bits of first, or nil
// (RFC 9147 section 4.2.2).
func (c *Conn) opener(first byte) *opener {
	for _, o := range c.receive {
		if o != nil && byte(o.epoch&epochMask) == first&epochMask {
			return o
		}
	}
	return nil
}

// Confirm notes that the peer is known to have received a record. Without it
// sequence numbers have 16 bits after the first 64 records of an epoch. A number
// of an epoch that is over tells nothing.
func (c *Conn) Confirm(n RecordNumber) {
	if n.Epoch == c.send.epoch {
		c.send.confirm(n.Sequence)
	}
}

// Next returns the number of the next record to be sealed.
func (c *Conn) Next() RecordNumber { return RecordNumber{c.send.epoch, c.send.next} }

// NeedsRekey reports that the keys should be replaced: more than two thirds of
// the records they may seal are sealed, or half of the failed attempts that
// are allowed have been seen. A Control does so by itself.
func (c *Conn) NeedsRekey() bool { return c.sendNear() || c.receiveNear() }

func (c *Conn) sendNear() bool { return c.send.next >= sealNear }

func (c *Conn) receiveNear() bool { return c.receive[0].failed >= failedNear }

// Overhead returns how many bytes Seal adds at most to the content of a
// record which is the last of its datagram.
func (c *Conn) Overhead() int {
	return newHeader(bitS, int(c.send.id.size)).size + 1 + tagSize
}
