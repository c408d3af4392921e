package journal

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/pqcoap/pqcoap/server/senml"
)

func TestMain(m *testing.M) {
	if path := os.Getenv(childVariable); path != "" {
		appendUntilKilled(path)
	}
	slog.SetDefault(slog.New(slog.DiscardHandler)) // repairs are told there, thousands here
	goleak.VerifyTestMain(m)
}

var received = time.Unix(1_800_000_000, 0)

// reading is the one numbered n, and has its number as time and value.
func reading(n int) senml.Record {
	return senml.Record{Name: "n", Kind: senml.Number, Number: float64(n), Time: 1.8e9 + float64(n)}
}

func readings(from, to int) []senml.Record {
	var records []senml.Record
	for n := from; n < to; n++ {
		records = append(records, reading(n))
	}
	return records
}

func openAt(t *testing.T, path string) *Journal {
	t.Helper()
	j, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	return j
}

func mustAppend(t *testing.T, j *Journal, device string, records ...senml.Record) {
	t.Helper()
	if err := j.Append(device, received, records); err != nil {
		t.Fatal(err)
	}
}

func mustClose(t *testing.T, j *Journal) {
	t.Helper()
	if err := j.Close(); err != nil {
		t.Error(err)
	}
}

func wantLast(t *testing.T, j *Journal, device string, n int, want []senml.Record) {
	t.Helper()
	got, err := j.Last(device, n)
	if err != nil || len(got) != len(want) || len(want) > 0 && !reflect.DeepEqual(got, want) {
		t.Errorf("last %d of %s: %v, %v; want %v", n, device, got, err, want)
	}
}

func TestAppendAndLast(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	j := openAt(t, path)
	mustAppend(t, j, "a", readings(0, 3)...)
	mustAppend(t, j, "b", reading(100))
	mustAppend(t, j, "a", reading(4), reading(3)) // out of order
	for range 2 {
		wantLast(t, j, "a", 10, readings(0, 5))
		wantLast(t, j, "a", 2, readings(3, 5))
		wantLast(t, j, "b", 10, readings(100, 101))
		wantLast(t, j, "c", 10, nil)
		mustClose(t, j)
		j = openAt(t, path)
	}
	mustClose(t, j)
}

func TestEveryFieldComesBack(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	want := []senml.Record{
		{Name: "a", Unit: "m", Kind: senml.Number, Number: 0.1, HasSum: true, Sum: 3, Time: 1.8e9, HasUpdateTime: true, UpdateTime: 9},
		{Name: "b", Kind: senml.Text, Text: "é", Time: 1.8e9 + 0.5},
		{Name: "c", Kind: senml.Boolean, Boolean: true, Time: 1.8e9 + 1},
		{Name: "d", Kind: senml.Data, Data: []byte{0, 255}, Time: 1.8e9 + 2},
	}
	j := openAt(t, path)
	mustAppend(t, j, "a", want...)
	mustClose(t, j)
	j = openAt(t, path)
	wantLast(t, j, "a", 9, want)
	mustClose(t, j)
}

func TestAppendRefuses(t *testing.T) {
	j := openAt(t, filepath.Join(t.TempDir(), "log"))
	defer mustClose(t, j)
	big := make([]senml.Record, senml.MaxRecords)
	for i := range big {
		big[i] = senml.Record{Name: "a", Kind: senml.Data, Data: make([]byte, senml.MaxText), Time: 1.8e9}
	}
	for what, err := range map[string]error{
		"no device":     j.Append("", received, readings(0, 1)),
		"a long name":   j.Append(string(make([]byte, 256)), received, readings(0, 1)),
		"no reading":    j.Append("a", received, nil),
		"a bad reading": j.Append("a", received, []senml.Record{{Name: "a"}}),
		"too much":      j.Append("a", received, big),
	} {
		if !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v", what, err)
		}
	}
	wantLast(t, j, "a", 1, nil)
}

func TestOneWriterOnly(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	j := openAt(t, path)
	if _, err := Open(path); !errors.Is(err, ErrInUse) {
		t.Errorf("second Open: %v", err)
	}
	mustClose(t, j)
	mustClose(t, openAt(t, path))
}

func TestClosed(t *testing.T) {
	j := openAt(t, filepath.Join(t.TempDir(), "log"))
	mustClose(t, j)
	if err := j.Append("a", received, readings(0, 1)); !errors.Is(err, ErrClosed) {
		t.Errorf("Append: %v", err)
	}
	if _, err := j.Last("a", 1); !errors.Is(err, ErrClosed) {
		t.Errorf("Last: %v", err)
	}
	if err := j.Close(); !errors.Is(err, ErrClosed) {
		t.Errorf("Close: %v", err)
	}
}

func TestManyAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	j := openAt(t, path)
	var all sync.WaitGroup
	for g := range 8 {
		all.Go(func() {
			device := fmt.Sprint("device-", g)
			for n := range 20 {
				if err := j.Append(device, received, readings(n, n+1)); err != nil {
					t.Error(err)
				}
				got, err := j.Last(device, 100)
				if err != nil || !reflect.DeepEqual(got, readings(0, n+1)) {
					t.Errorf("%s after %d: %v, %v", device, n, got, err)
				}
			}
		})
	}
	all.Wait()
	mustClose(t, j)
	j = openAt(t, path)
	for g := range 8 {
		wantLast(t, j, fmt.Sprint("device-", g), 100, readings(0, 20))
	}
	mustClose(t, j)
}

func TestNoFolder(t *testing.T) {
	if _, err := Open(filepath.Join(t.TempDir(), "none", "log")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("error = %v", err)
	}
}
