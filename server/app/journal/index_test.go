package journal

import (
	"path/filepath"
	"testing"

	"github.com/pqcoap/pqcoap/server/senml"
)

func TestOnlyTheNewestAreKept(t *testing.T) {
	j := openAt(t, filepath.Join(t.TempDir(), "log"))
	defer mustClose(t, j)
	mustAppend(t, j, "a", readings(500, 1500)...)
	mustAppend(t, j, "a", readings(0, 10)...) // older than all
	mustAppend(t, j, "a", readings(1500, 1502)...)
	wantLast(t, j, "a", Keep+1, readings(502, 1502))
}

func TestSameTimeKeepsTheOrderOfArrival(t *testing.T) {
	j := openAt(t, filepath.Join(t.TempDir(), "log"))
	defer mustClose(t, j)
	var want []senml.Record
	for n := range 5 {
		r := reading(0)
		r.Number = float64(n)
		want = append(want, r)
		mustAppend(t, j, "a", r)
	}
	wantLast(t, j, "a", 5, want)
}
