package conformance

import (
	"testing"

	"go.uber.org/goleak"
)

// TestMain fails where a goroutine outlives the tests: those of nodes and servers have to end
// with them.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
