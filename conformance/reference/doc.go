// Package reference is docs/protocol.md sections 2 to 6, 11, 16 and 17 once more, on the standard
// library alone (ML-KEM-512 and ML-DSA, which that has not, are brought along) and sharing nothing
// with the packages handshake and record. It computes the test vectors and plays the other end
// against those packages.
//
// Start with [Device] or [Server]; both leave a [Trace] that shows every value of the key
// schedule under its name in docs/protocol.md. [NewTraffic] is one direction of records.
//
// It keeps and prints secrets in the open and takes all randomness as arguments: it is
// for tests only.
package reference
