package journal

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// threeFrames gives a journal of three frames and where each begins.
func threeFrames(t *testing.T) (data []byte, starts []int) {
	t.Helper()
	d := &disk{}
	j := openDisk(t, d)
	for n := range 3 {
		starts = append(starts, len(d.data))
		mustAppend(t, j, "a", readings(2*n, 2*n+2)...)
	}
	mustClose(t, j)
	return d.data, append(starts, len(d.data))
}

// wholeFrames is how many frames end within n bytes.
func wholeFrames(starts []int, n int) int {
	whole := 0
	for _, end := range starts[1:] {
		if end <= n {
			whole++
		}
	}
	return whole
}

func TestEveryTruncationIsRepaired(t *testing.T) {
	data, starts := threeFrames(t)
	for n := range data {
		d := &disk{data: bytes.Clone(data[:n])}
		j := openDisk(t, d)
		whole := wholeFrames(starts, n)
		wantLast(t, j, "a", 9, readings(0, 2*whole))
		mustAppend(t, j, "a", reading(9))
		wantLast(t, j, "a", 1, readings(9, 10))
		mustClose(t, j)
		j = openDisk(t, d)
		wantLast(t, j, "a", 1, readings(9, 10))
		mustClose(t, j)
	}
}

// A write cut short may also leave the right length with zeros or old bytes in it.
func TestTornLastFrame(t *testing.T) {
	data, starts := threeFrames(t)
	for from := starts[2]; from < len(data); from += 7 {
		for _, fill := range []byte{0, 0xff, 'p'} {
			d := &disk{data: bytes.Clone(data)}
			for i := from; i < len(d.data); i++ {
				d.data[i] = fill
			}
			j := openDisk(t, d)
			wantLast(t, j, "a", 9, readings(0, 4))
			mustClose(t, j)
		}
	}
	d := &disk{data: append(bytes.Clone(data), make([]byte, 5000)...)} // a file grown in vain
	j := openDisk(t, d)
	wantLast(t, j, "a", 9, readings(0, 6))
	mustClose(t, j)
}

func TestEveryFlippedByte(t *testing.T) {
	data, starts := threeFrames(t)
	for i := range data {
		d := &disk{data: bytes.Clone(data)}
		d.data[i] ^= 0x10
		x := index{}
		_, err := restore(d, int64(len(d.data)), "disk", x)
		switch {
		case i < starts[2]: // a sound frame follows
			want := fmt.Sprintf("at byte %d", starts[wholeFrames(starts, i)])
			if i < starts[0] {
				want = "is not a journal"
			}
			if !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), want) {
				t.Errorf("byte %d: %v, want %s", i, err, want)
			}
			if len(d.data) != len(data) {
				t.Errorf("byte %d: the file was changed", i)
			}
		case err != nil || len(x["a"]) != 4 || len(d.data) != starts[2]:
			t.Errorf("byte %d: %v, %d readings, %d bytes", i, err, len(x["a"]), len(d.data))
		}
	}
}

func TestMoreThanAnInterruptedWrite(t *testing.T) {
	data, starts := threeFrames(t)
	d := &disk{data: append(bytes.Clone(data), make([]byte, maxFrame+1)...)}
	_, err := restore(d, int64(len(d.data)), "disk", index{})
	if want := fmt.Sprintf("at byte %d", starts[3]); !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), want) {
		t.Errorf("error = %v, want %s", err, want)
	}
}

// A frame with the right checksum and the wrong content was not written by this program.
func TestOtherFileIsLeftAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notes")
	const text = "shopping"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(path); !errors.Is(err, ErrCorrupt) {
		t.Errorf("error = %v", err)
	}
	if b, err := os.ReadFile(path); err != nil || string(b) != text {
		t.Errorf("the file is now %q, %v", b, err)
	}
}

// Damage that comes after opening is seen when the reading is asked for.
func TestDamageUnderneath(t *testing.T) {
	data, starts := threeFrames(t)
	for i := starts[0] + frameHeader; i < starts[1]; i++ {
		d := &disk{data: bytes.Clone(data)}
		j := openDisk(t, d)
		d.data[i] ^= 1
		if _, err := j.Last("a", 9); !errors.Is(err, ErrCorrupt) {
			t.Errorf("byte %d: %v", i, err)
		}
		wantLast(t, j, "a", 4, readings(2, 6))
		mustClose(t, j)
	}
}

func FuzzRestore(f *testing.F) {
	e, err := newEntry("a", received, readings(0, 2))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(appendFrame([]byte(nil), int64(len(fileMagic)), []*entry{e, e}))
	f.Fuzz(func(t *testing.T, b []byte) {
		d := &disk{data: append([]byte(fileMagic), b...)}
		x := index{}
		size, err := restore(d, int64(len(d.data)), "disk", x)
		if err != nil {
			return
		}
		if size != int64(len(d.data)) {
			t.Fatalf("size %d, the file has %d", size, len(d.data))
		}
		again := index{}
		if n, err := restore(d, size, "disk", again); n != size || err != nil || len(again["a"]) != len(x["a"]) {
			t.Fatalf("restored twice: %d, %v, %d readings; want %d, %d", n, err, len(again["a"]), size, len(x["a"]))
		}
	})
}
