package record

// A RecordNumber names one record of a direction (RFC 9147 section 4).
type RecordNumber struct{ Epoch, Sequence uint64 }

// less orders record numbers as an ACK lists them (RFC 9147 section 7).
func (n RecordNumber) less(m RecordNumber) bool {
	return n.Epoch < m.Epoch || n.Epoch == m.Epoch && n.Sequence < m.Sequence
}

// updateSend goes on to the next epoch of the sending direction. Nothing is sealed in the old
// one any more. Epochs stay far below 2^48: each costs a message_seq of 16 bits.
func (c *Conn) updateSend() error {
	old := c.send
	s, err := old.secret.next(c.suite)
	if err != nil {
		return err
	}
	if c.send, err = newSealer(c.suite, s, old.epoch+1, old.id); err != nil {
		c.send = old
		return err
	}
	s.wipe()
	old.secret.wipe()
	return nil
}

// updateReceive opens the next epoch of the receiving direction. The one before stays open
// until dropOld or the next update: its records may still be on their way, and its sender may
// not have learnt yet that the update has arrived (RFC 9147 section 8).
func (c *Conn) updateReceive() error {
	newest := c.receive[0]
	s, err := newest.secret.next(c.suite)
	if err != nil {
		return err
	}
	o, err := newOpener(c.suite, s, newest.epoch+1)
	if err != nil {
		return err
	}
	s.wipe()
	c.dropOld()
	c.install(o)
	return nil
}

// dropOld closes the older of two receiving epochs.
func (c *Conn) dropOld() {
	if o := c.receive[1]; o != nil {
		o.wipe()
		c.receive[1] = nil
	}
}

// changing reports that two epochs are open on receive.
func (c *Conn) changing() bool { return c.receive[1] != nil }

// Epochs returns the epoch that Seal uses and the newest that Open knows.
func (c *Conn) Epochs() (send, receive uint64) { return c.send.epoch, c.receive[0].epoch }
