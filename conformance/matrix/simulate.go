package matrix

import (
	"context"
	"fmt"
	"hash/fnv"
	"runtime"
	"sync"
	"sync/atomic"
)

// Simulate runs the handshakes of a cell under a virtual clock, each with a server of its own.
// The seed decides all of them.
func Simulate(ctx context.Context, c Cell, seed uint64) (Result, error) {
	made, err := identities()
	if err != nil {
		return Result{}, err
	}
	all := make([]Handshake, c.N)
	var next atomic.Int64
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for i := next.Add(1) - 1; i < int64(c.N) && ctx.Err() == nil; i = next.Add(1) - 1 {
				all[i] = newWorld(c, made[c.Suite], seed^c.hash(), uint64(i)).run()
			}
		})
	}
	workers.Wait()
	return newResult(c, all), ctx.Err()
}

// hash makes cells differ in their draws, and a cell the same whatever else is run.
func (c Cell) hash() uint64 {
	h := fnv.New64a()
	fmt.Fprintf(h, "{Suite:%v RTT:%v MTU:%v Loss:%v Echo:%v Configured:%v N:0}", c.Suite, c.RTT, c.MTU, c.Loss, c.Echo, c.Configured)
	if c.Resume != Full {
		fmt.Fprint(h, c.Resume)
	}
	return h.Sum64()
}
