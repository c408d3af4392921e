// Package vectors makes the test vectors in conformance/testdata and reads them. The
// README there is their format.
//
// Start with [All], which computes every scenario, and [Load], which reads a folder of
// them. They are computed by the package reference, never by the packages under test; the
// tests here replay each file against handshake and record.
package vectors
