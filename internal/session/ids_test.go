package session

import (
	"crypto/rand"
	"testing"

	"github.com/pqcoap/pqcoap/record"
)

// No ID is given twice, the shortest come first, and all that were given are known.
func TestIDs(t *testing.T) {
	s := newIDSpace(rand.Reader, 0, 1)
	seen := make(map[record.ConnectionID]bool)
	var held []record.ConnectionID
	sizes := make(map[int]int)
	for range 40_000 {
		id, err := s.take()
		if err != nil {
			t.Fatal(err)
		}
		if seen[id] || !s.given(id) {
			t.Fatalf("ID %v: given before %v, known %v", id, seen[id], s.given(id))
		}
		seen[id] = true
		sizes[id.Len()]++
		if held = append(held, id); len(held) > 10 {
			s.release(held[0])
			held = held[1:]
		}
	}
	if sizes[1] != 64 || sizes[2] != 1<<14 {
		t.Errorf("%v IDs by size: want 64 of one byte and 16384 of two", sizes)
	}
	for range 1000 {
		id, err := record.RandomConnectionID(rand.Reader, 4)
		if err != nil {
			t.Fatal(err)
		}
		if s.given(id) != seen[id] {
			t.Fatalf("ID %v: given %v", id, s.given(id))
		}
	}
}

// IDs that are in use since before are left alone, and may be released like any other.
func TestIDsAdopted(t *testing.T) {
	before, s := newIDSpace(rand.Reader, 0, 1), newIDSpace(rand.Reader, 0, 1)
	inUse := make(map[record.ConnectionID]bool)
	for range 1000 {
		id, err := before.take()
		if err != nil {
			t.Fatal(err)
		}
		inUse[id] = true
		s.adopt(id, 1)
	}
	for range 100 {
		id, err := s.take()
		if err != nil || inUse[id] {
			t.Fatalf("ID %v, %v: in use", id, err)
		}
	}
	for id := range inUse {
		s.release(id)
	}
}
