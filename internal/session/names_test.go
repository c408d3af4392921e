package session

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// A table that names come into and leave finds each that is in it, and no other.
func TestNames(t *testing.T) {
	table, want, seats := newNameTable(), make(map[string]seat), make(map[seat]string)
	random := rand.New(rand.NewPCG(1, 2))
	its := func(name string) func(seat) bool { return func(at seat) bool { return seats[at] == name } }
	next := seat(0)
	for i := range 200_000 {
		name := fmt.Sprint(random.IntN(10_000 + i/10))
		old, known := want[name]
		got, ok := table.get([]byte(name), its(name))
		if ok != known || ok && got != old {
			t.Fatalf("%q has seat %d, %v; want %d, %v", name, got, ok, old, known)
		}
		switch random.IntN(3) {
		case 0: // gone
			table.remove([]byte(name), old+1)
			table.remove([]byte(name), old)
			delete(want, name)
			delete(seats, old)
		default: // another session of the same device
			next++
			table.set([]byte(name), next, its(name))
			delete(seats, old)
			want[name], seats[next] = next, name
		}
	}
	if table.len != len(want) {
		t.Errorf("%d names, want %d", table.len, len(want))
	}
	for name, at := range want {
		if got, ok := table.get([]byte(name), its(name)); !ok || got != at {
			t.Fatalf("%q has seat %d, %v; want %d", name, got, ok, at)
		}
		table.remove([]byte(name), at)
	}
	for _, p := range table.parts {
		for _, c := range p.cells {
			if c != (nameCell{}) {
				t.Fatal("a name is left")
			}
		}
	}
}

// A hundred thousand names cost what the comment says.
func TestNamesSize(t *testing.T) {
	table := newNameTable()
	const names = 100_000
	for i := range seat(names) {
		table.set(fmt.Append(nil, i), i, func(seat) bool { return false })
	}
	cells := 0
	for _, p := range table.parts {
		cells += len(p.cells)
	}
	if got := 8 * float64(cells) / names; got < 8 || got > 13 {
		t.Errorf("%.1f bytes a name", got)
	}
}
