package vectors

import (
	"errors"
	"fmt"
	"testing"

	"github.com/pqcoap/pqcoap/record"
)

// conn is one end of the direction: with the same secret both ways, since only one is used.
func (k *Keys) conn() (*record.Conn, error) {
	var id record.ConnectionID
	if len(k.ConnectionID) > 0 {
		var err error
		if id, err = record.NewConnectionID(k.ConnectionID); err != nil {
			return nil, err
		}
	}
	return record.NewConn(record.Config{
		Suite: record.CipherSuite(k.CipherSuite), SendSecret: k.Secret, ReceiveSecret: k.Secret, SendID: id, ReceiveID: id,
	})
}

func replayReceive(v *Receive) error {
	c, err := v.conn()
	if err != nil {
		return err
	}
	for i, d := range v.Datagrams {
		if err := d.receive(c); err != nil {
			return fmt.Errorf("datagram %d: %w", i, err)
		}
	}
	return nil
}

// receive opens every record of a datagram.
func (d *Datagram) receive(c *record.Conn) error {
	rest := append([]byte(nil), d.Bytes...) // opened in place
	for i, want := range d.Records {
		if rest == nil {
			return fmt.Errorf("%w: only %d records", errDiffers, i)
		}
		var r record.Record
		var err error
		r, rest, err = c.Open(rest)
		if err := want.compare(r, err); err != nil {
			return fmt.Errorf("record %d: %w", i, err)
		}
	}
	return equal("rest of the datagram", len(rest), 0)
}

// compare compares what Open said with the file. That a record is ignored is Open's
// ErrRejected, too.
func (want *Result) compare(r record.Record, err error) error {
	got := OK
	switch {
	case errors.Is(err, record.ErrReplayed):
		got = Replayed
	case errors.Is(err, record.ErrRejected) && want.Result == Ignored:
		got = Ignored
	case errors.Is(err, record.ErrRejected):
		got = Rejected
	case err != nil:
		got = "another error"
	}
	return errors.Join(equal("result", got, want.Result), equal("type", r.Type, record.ContentType(want.Type)),
		same("content", r.Content, want.Content), equal("epoch", r.Epoch, want.Epoch),
		equal("number", r.Sequence, want.Sequence), equal("newest", r.Newest, want.Newest))
}

func replaySend(v *Send) error {
	c, err := v.conn()
	if err != nil {
		return err
	}
	for i, step := range v.Steps {
		if step.Confirmed != nil {
			c.Confirm(record.RecordNumber{Epoch: 3, Sequence: *step.Confirmed})
		}
		b, err := c.Seal(nil, record.ContentType(step.Type), step.Content, step.Last)
		if err == nil {
			err = same("record", b, step.Record)
		}
		if err != nil {
			return fmt.Errorf("step %d: %w", i, err)
		}
	}
	return nil
}

// TestReplayNoticesRecords: a replay fails for every result and record that is changed.
func TestReplayNoticesRecords(t *testing.T) {
	for _, s := range receives() {
		v := s.(*Receive)
		for i := range v.Datagrams {
			for j := range v.Datagrams[i].Records {
				r := &v.Datagrams[i].Records[j]
				was := *r
				r.Sequence++
				if err := replay(s); !errors.Is(err, errDiffers) {
					t.Errorf("%s: datagram %d, record %d with another number: %v", v.Name, i, j, err)
				}
				*r = was
				r.Result = "something else"
				if err := replay(s); !errors.Is(err, errDiffers) {
					t.Errorf("%s: datagram %d, record %d with another result: %v", v.Name, i, j, err)
				}
				*r = was
			}
		}
	}
	v := sends()[0].(*Send)
	for i := range v.Steps {
		v.Steps[i].Record[0] ^= 0x10
		if err := replay(v); !errors.Is(err, errDiffers) {
			t.Errorf("step %d changed: %v", i, err)
		}
		v.Steps[i].Record[0] ^= 0x10
	}
}
