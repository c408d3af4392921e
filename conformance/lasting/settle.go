package lasting

import (
	"errors"
	"fmt"
	"time"
)

// ErrApart says that the two sides do not agree once all is quiet.
var ErrApart = errors.New("the two sides do not agree")

const (
	// attempts is how often a device that has no answer begins again until it has one.
	attempts = 4
	// patience is how long a request may take, beyond which it fails: coap's limit and a little.
	patience = 70 * time.Second
)

// Settle makes the link whole and has each side ask the other something. It is ErrApart where
// they cannot, where the server has another session than the device or more than one, or sends
// elsewhere than where the device is.
func (w *World) Settle() error {
	w.Script, w.Loss = nil, 0
	w.Pass(2 * patience) // what is under way ends
	if err := w.converse(); err != nil {
		return err
	}
	w.Pass(time.Minute) // replaced sessions end, paths are decided
	switch s := w.Session(); {
	case w.Err != nil:
		return w.Err
	case w.Waiting() != 0:
		return fmt.Errorf("%w: %d requests have no end", ErrApart, w.Waiting())
	case !w.Live() || s == nil || s.ID() != w.device.Result().SessionID:
		return fmt.Errorf("%w: about the session", ErrApart)
	case w.Stats().Sessions != 1:
		return fmt.Errorf("%w: the server has %d sessions", ErrApart, w.Stats().Sessions)
	case w.Peer() != w.Address:
		return fmt.Errorf("%w: about where the device is", ErrApart)
	}
	return nil
}

// converse has the device ask until it is answered, in as many sessions as that takes, and then
// the server, once.
func (w *World) converse() error {
	for n := 0; !w.asks(true); n++ {
		if n == attempts {
			return fmt.Errorf("%w: the device is not answered: %w", ErrApart, w.ended)
		}
	}
	if !w.asks(false) {
		return fmt.Errorf("%w: the server is not answered", ErrApart)
	}
	return nil
}

// asks makes a session if there is none, and one request.
func (w *World) asks(fromDevice bool) bool {
	if w.device == nil {
		if err := w.Open(); err != nil {
			w.fail(err)
			return false
		}
	}
	if !w.Until(patience, w.Live) {
		return false
	}
	number, ok := w.Request(fromDevice, 10, 10)
	return ok && w.Until(patience, func() bool { return w.Done(number) }) && w.Acknowledged(number)
}
