package journal

import (
	"bytes"
	"errors"
	"testing"
)

func TestMalformedContent(t *testing.T) {
	good, err := newEntry("a", received, readings(0, 1))
	if err != nil {
		t.Fatal(err)
	}
	flipped := bytes.Clone(good.data)
	flipped[len(flipped)-1]++
	for what, content := range map[string][]byte{
		"short":          good.data[:entryHeader-1],
		"cut":            good.data[:len(good.data)-1],
		"entry checksum": flipped,
		"trailing bytes": append(bytes.Clone(good.data), 0),
	} {
		d := &disk{data: []byte(fileMagic)}
		d.data = append(d.data, appendFrame(nil, int64(len(d.data)), []*entry{{data: content}})...)
		if _, err := restore(d, int64(len(d.data)), "disk", index{}); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: %v", what, err)
		}
	}
}
