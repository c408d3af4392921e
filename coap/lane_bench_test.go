package coap

import (
	"testing"
)

// BenchmarkLaneFlood is a first block of a stranger where Echo is demanded.
func BenchmarkLaneFlood(b *testing.B) {
	lane := NewLane(LaneConfig{Echo: testEcho(), AlwaysEcho: true})
	m := upload(testBody(2500, 1), maxSZX)[0]
	d, err := Append(nil, &m)
	if err != nil {
		b.Fatal(err)
	}
	var out Batch
	b.ReportAllocs()
	for b.Loop() {
		out.Reset()
		lane.Receive(testStart, testFrom, d, &out)
	}
	if out.Len() != 1 || len(lane.entries) > 0 {
		b.Errorf("%d answers, %d entries", out.Len(), len(lane.entries))
	}
}

// BenchmarkLaneTransfer is a body of 3 blocks, its answer of 2 and one pull.
func BenchmarkLaneTransfer(b *testing.B) {
	lane := NewLane(LaneConfig{Echo: testEcho()})
	var datagrams [][]byte
	for _, m := range append(upload(testBody(2500, 1), maxSZX), pullOf(1, maxSZX)) {
		d, err := Append(nil, &m)
		if err != nil {
			b.Fatal(err)
		}
		datagrams = append(datagrams, d)
	}
	m2 := testBody(1300, 2)
	now := testStart
	var out Batch
	b.ReportAllocs()
	for b.Loop() {
		now = now.Add(entryLife)
		lane.Advance(now)
		out.Reset()
		for _, d := range datagrams {
			if t := lane.Receive(now, testFrom, d, &out); t != nil {
				lane.Answer(now, t, m2, &out)
			}
		}
	}
	if out.Len() != 4 {
		b.Errorf("%d answers", out.Len())
	}
}
