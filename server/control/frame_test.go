package control

import (
	"errors"
	"testing"

	"github.com/pqcoap/pqcoap/server/registry"
)

// Errors are the same classes on the other side, and keep their text.
func TestFailure(t *testing.T) {
	for _, class := range classes {
		err := failure(errors.Join(class)).err()
		if !errors.Is(err, class) || err.Error() != class.Error() {
			t.Errorf("%v came as %v", class, err)
		}
	}
	if err := failure(nil).err(); err != nil {
		t.Error(err)
	}
	if err := (&response{Error: "x", Class: 99}).err(); !errors.Is(err, ErrControl) {
		t.Error(err)
	}
	var of *registry.ImportError
	err := failure(&registry.ImportError{Index: 0, Err: registry.ErrTaken}).err()
	if !errors.As(err, &of) || of.Index != 0 || !errors.Is(err, registry.ErrTaken) {
		t.Errorf("%v", err)
	}
}
