package session

import "maps"

// A brief is a map of what is soon forgotten. A map of Go keeps the memory that it has once needed;
// this one gives it back when a rush is over. The zero value is ready to use.
type brief[K comparable, V any] struct {
	m    map[K]V
	most int // entries since m was made
}

// briefLeast is how many entries are not worth to be made less of.
const briefLeast = 1024

func (b *brief[K, V]) get(key K) (value V, found bool) {
	value, found = b.m[key]
	return value, found
}

func (b *brief[K, V]) set(key K, value V) {
	if b.m == nil {
		b.m = make(map[K]V)
	}
	b.m[key] = value
	b.most = max(b.most, len(b.m))
}

func (b *brief[K, V]) delete(key K) {
	delete(b.m, key)
	if b.most >= briefLeast && len(b.m) <= b.most/4 {
		smaller := make(map[K]V, len(b.m))
		maps.Copy(smaller, b.m)
		b.m, b.most = smaller, len(smaller)
	}
}
