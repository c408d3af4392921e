package vectors

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/pqcoap/pqcoap/conformance/reference"
	"github.com/pqcoap/pqcoap/record"
)

func replayContents(v *Contents) error {
	for i, item := range v.Items {
		if err := item.replay(v.Type); err != nil {
			return fmt.Errorf("item %d: %w", i, err)
		}
	}
	return nil
}

// replay parses a content and, where it is accepted, writes it again.
func (item *ContentItem) replay(contentType byte) error {
	got := ContentItem{Content: item.Content, Result: OK}
	var again Hex
	var err error
	switch contentType {
	case handshakeType:
		var m record.Message
		m, err = record.ParseMessage(item.Content)
		got.Message, again = &reference.Message{Type: byte(m.Type), Seq: m.Sequence, Body: m.Body}, m.Append(nil)
	case ackType:
		var a record.Acknowledgement
		a, err = record.ParseAcknowledgement(nil, item.Content)
		for _, n := range a {
			got.Numbers = append(got.Numbers, reference.Number(n))
		}
		again = a.Append(nil)
	case pathType:
		var m record.PathMessage
		m, err = record.ParsePathMessage(item.Content)
		got.Path, again = &reference.Path{Type: byte(m.Type), Cookie: m.Cookie[:]}, m.Append(nil)
		if m.Type > record.PathDrop {
			got.Result, got.Path.Cookie, again = Ignored, nil, item.Content
		}
	}
	if errors.Is(err, record.ErrMessage) {
		got, again = ContentItem{Content: item.Content, Result: Malformed}, item.Content
	} else if err != nil {
		return err
	}
	if !reflect.DeepEqual(normal(got), normal(*item)) {
		return fmt.Errorf("%w: %+v, want %+v", errDiffers, got, *item)
	}
	return same("content", again, item.Content)
}

// normal makes nothing of empty lists, which JSON does not tell apart.
func normal(i ContentItem) ContentItem {
	if len(i.Numbers) == 0 {
		i.Numbers = nil
	}
	if i.Message != nil {
		i.Message = &reference.Message{Type: i.Message.Type, Seq: i.Message.Seq, Body: append(Hex{}, i.Message.Body...)}
	}
	return i
}

func replayUpdate(v *Update) error {
	c, err := v.conn()
	if err != nil {
		return err
	}
	now := time.Unix(0, 0)
	control := record.NewControl(c, record.ControlConfig{}, now)
	for _, e := range v.Epochs {
		now = now.Add(time.Minute)
		if err := e.replay(c, control, now); err != nil {
			return fmt.Errorf("epoch %d: %w", e.Epoch, err)
		}
	}
	return nil
}

func (e *UpdateEpoch) replay(c *record.Conn, control *record.Control, now time.Time) error {
	take := func(b Hex) (r record.Record, event record.Event, err error) {
		if r, _, err = c.Open(bytes.Clone(b)); err != nil {
			return r, event, fmt.Errorf("%w: %w", errDiffers, err)
		}
		event, err = control.Handle(now, r)
		return r, event, err
	}
	r, _, err := take(e.Record)
	if err != nil {
		return err
	}
	_, event, err := take(e.Update)
	if err != nil {
		return err
	}
	ack, err := control.Append(now, nil, true)
	return errors.Join(err, equal("epoch", r.Epoch, e.Epoch), same("content", r.Content, e.Content),
		equal("event", event.Kind, record.EventReceiveEpoch), same("ACK", ack, e.ACK))
}

// TestReplayNoticesControl: a replay fails for whatever is changed.
func TestReplayNoticesControl(t *testing.T) {
	for _, s := range controlContents() {
		v := s.(*Contents)
		for i := range v.Items {
			was := v.Items[i].Result
			v.Items[i].Result = "something else"
			if err := replay(s); !errors.Is(err, errDiffers) {
				t.Errorf("%s, item %d: %v", v.Name, i, err)
			}
			v.Items[i].Result = was
		}
	}
	for _, s := range updates() {
		v := s.(*Update)
		for i := range v.Epochs {
			for _, field := range []Hex{v.Epochs[i].Record, v.Epochs[i].Update, v.Epochs[i].ACK, v.Epochs[i].Content} {
				field[len(field)-1] ^= 1
				if err := replay(s); !errors.Is(err, errDiffers) {
					t.Errorf("%s, epoch %d: %v", v.Name, i, err)
				}
				field[len(field)-1] ^= 1
			}
		}
	}
}

// TestReferenceContents: the reference reads the same.
func TestReferenceContents(t *testing.T) {
	for _, s := range controlContents() {
		v := s.(*Contents)
		for i, item := range v.Items {
			var err error
			switch v.Type {
			case handshakeType:
				_, err = reference.ParseMessage(item.Content)
			case ackType:
				_, err = reference.ParseACK(item.Content)
			case pathType:
				_, err = reference.ParsePath(item.Content)
			}
			if (err != nil) != (item.Result == Malformed) {
				t.Errorf("%s, item %d: error = %v, want %s", v.Name, i, err, item.Result)
			}
		}
	}
}
