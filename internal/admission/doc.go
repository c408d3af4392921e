// Package admission decides who is served when there is more to do than time for it: rates for
// each address prefix and in all, rates for each device, and a queue that is fair between
// networks. What it holds is allocated once. It does no I/O and reads no clock.
//
// # Why eviction is no way around a limit
//
// A prefix that has no bucket begins with a full one, so a table that forgets buckets would give
// who makes it forget a fresh start. Therefore:
//
//   - Only a full bucket is forgotten, which is the same as none.
//   - Where a set of the table holds no full bucket, the newcomer gets none at that level, and
//     the next coarser level decides for it. At the coarsest, all newcomers of the set share one
//     bucket, of the rate of one prefix.
//   - A bucket that has been emptied stays until it is full again, so who has used up its own
//     cannot go on with the shared one. A prefix gets at most what its own bucket and the shared
//     one of its set give together: twice its rate.
//   - The set of a prefix depends on a secret key. Who wants to fill the set of a chosen prefix has
//     to fill all sets, and to keep them filled at the rate at which buckets fill up; then the
//     shared bucket still serves that prefix, among the newcomers of its set.
//
// All levels are asked before one is charged, so that a refusal costs nobody anything.
package admission
