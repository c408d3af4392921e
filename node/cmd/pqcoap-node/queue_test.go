package main

import (
	"slices"
	"testing"
)

func values(batch []reading) (v []float64) {
	for _, r := range batch {
		v = append(v, r.celsius)
	}
	return v
}

func TestQueue(t *testing.T) {
	q := newQueue()
	if batch, _, more := q.oldest(10); len(batch) != 0 || !more {
		t.Errorf("new: %v, more %v", batch, more)
	}
	for i := range 5 {
		q.add(reading{celsius: float64(i)})
	}
	batch, end, _ := q.oldest(2)
	if !slices.Equal(values(batch), []float64{0, 1}) {
		t.Errorf("oldest 2: %v", values(batch))
	}
	q.acknowledge(end)
	q.acknowledge(end) // once more changes nothing
	q.close()
	batch, end, more := q.oldest(10)
	if !slices.Equal(values(batch), []float64{2, 3, 4}) || !more {
		t.Errorf("the rest: %v, more %v", values(batch), more)
	}
	q.acknowledge(end)
	if _, _, more := q.oldest(10); more {
		t.Error("more in an empty closed queue")
	}
}

func TestQueueBound(t *testing.T) {
	q := newQueue()
	for i := range maxQueued {
		q.add(reading{celsius: float64(i)})
	}
	_, end, _ := q.oldest(10) // on its way while more come
	for i := range 15 {
		q.add(reading{celsius: float64(maxQueued + i)})
	}
	q.acknowledge(end) // all of it has been dropped
	batch, _, _ := q.oldest(maxQueued)
	if len(batch) != maxQueued || batch[0].celsius != 15 {
		t.Errorf("%d readings from %v, want %d from 15", len(batch), batch[0].celsius, maxQueued)
	}
	if waiting, lost := q.counts(); waiting != maxQueued || lost != 15 {
		t.Errorf("%d waiting, %d lost", waiting, lost)
	}
}
