// Package interop runs the two programs with CoAP software that is not ours, over the sockets
// of this machine: libcoap (coap-client and coap-server), node-coap, and go-coap as plain UDP
// client and server. It holds tests only.
//
// They meet on both lanes. On the plain lane each is a client of pqcoap-server, which it gives
// an m1 and has to get the m2 from that opens it. Behind the sidecars each is a client of
// 'pqcoap-node proxy', and a server that 'pqcoap-server run -upstream' asks.
//
// What is tried, with whom and with what outcome is in docs/interop.md, which the tests write
// (-update) and compare: each of its cells is one of them.
package interop
