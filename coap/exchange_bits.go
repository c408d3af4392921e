package coap

// bits is a set of block numbers.
type bits struct {
	words []uint64
	small uint64 // the first 64, without an allocation
	size  uint32 // numbers in it
	first uint32 // all below it are in it
}

// leading returns how many numbers from 0 on are in it without a gap.
func (b *bits) leading() uint32 {
	for b.has(b.first) {
		b.first++
	}
	return b.first
}

func (b *bits) word(n uint32) *uint64 {
	if n < 64 {
		return &b.small
	}
	for uint32(len(b.words)) <= n/64 {
		b.words = append(b.words, 0)
	}
	return &b.words[n/64]
}

func (b *bits) has(n uint32) bool {
	if n >= 64 && n/64 >= uint32(len(b.words)) {
		return false
	}
	return *b.word(n)&(1<<(n%64)) != 0
}

func (b *bits) add(n uint32) {
	if !b.has(n) {
		*b.word(n) |= 1 << (n % 64)
		b.size++
	}
}

func (b *bits) remove(n uint32) {
	if b.has(n) {
		*b.word(n) &^= 1 << (n % 64)
		b.size--
		b.first = min(b.first, n)
	}
}
