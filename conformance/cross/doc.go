// Package cross runs the device program as other machines run it, under the user-mode emulation of
// qemu: on a 32-bit processor (armv6) and on a big-endian one (s390x). It holds tests only.
//
// The tests of the leaves and the vectors are built for these and run; then devices on both
// talk to a server on this machine, and hand their state files around. How large the program is
// for each machine, .ci/cross measures; how much memory it takes, a test here.
package cross
