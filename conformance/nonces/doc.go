// Package nonces looks for a nonce that was used twice under one key, in records as they went over
// the wire.
//
// A [Tap] on the server's socket keeps all datagrams, and a build of the device with the tag
// keylog writes the secrets of its sessions down. [Check] opens every record with them, so that it
// knows its key and its number. It fails where a number comes twice under one key, and where a
// record is of no session known, since then it would not have noticed.
package nonces
