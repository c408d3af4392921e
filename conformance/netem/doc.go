// Package netem runs the two commands over the loopback of a Linux kernel that impairs it:
// loss, bursts of loss, jitter, reordering, duplication, corruption and a narrow link, by
// the queueing discipline netem. What the simulated network shows in packages above it, this
// shows with the sockets, timers and queues of a kernel.
//
// [Find] says where: in a network namespace of this machine, or in user-mode Linux where the
// kernel has no netem. Either needs root. [Place.Run] then runs all scenarios in a folder:
//
//	place, err := netem.Find(ctx)
//	...
//	console, err := place.Run(ctx, dir)
//
// Every datagram passes the impaired loopback once, in whichever direction, and both
// directions share its queue and its rate. The kernel drops datagrams that arrive with a
// wrong checksum, so here corruption is one more kind of loss; what a corrupted datagram does
// that got through is shown on the simulated network. Netem's choices have no seed.
package netem
