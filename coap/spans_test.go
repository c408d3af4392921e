package coap

import (
	"testing"
	"time"
)

func TestSpans(t *testing.T) {
	last := len(SpanBounds)
	tests := []struct {
		d     time.Duration
		class int
	}{
		{-time.Second, 0}, {0, 0}, {SpanBounds[0], 0}, {SpanBounds[0] + 1, 1},
		{time.Second, 12}, {time.Minute, last - 1}, {time.Minute + 1, last}, {1 << 62, last},
	}
	for _, tt := range tests {
		var s Spans
		s.Add(tt.d)
		if s.Counts[tt.class] != 1 || s.Sum != max(0, tt.d) {
			t.Errorf("%v: %+v, want class %d", tt.d, s, tt.class)
		}
	}
	for i := range last - 1 {
		if SpanBounds[i] >= SpanBounds[i+1] {
			t.Errorf("bound %d is not below the next", i)
		}
	}
}

func BenchmarkSpansAdd(b *testing.B) {
	var s Spans
	for i := range b.N {
		s.Add(time.Duration(i&1023) * time.Microsecond)
	}
}
