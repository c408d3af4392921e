// Package gocoap holds handlers written for go-coap, which do what each of its examples does,
// and runs them over three backends: go-coap on plain UDP, go-coap on pion's DTLS, and pqcoap
// through coap/gocoap. What a backend does otherwise than the others is in one table, which
// the tests hold it to.
package gocoap
