package main

import (
	"bytes"
	"net"
	"testing"
	"time"
)

// echoServer sends back what it gets.
func echoServer(t *testing.T) *net.UDPConn {
	t.Helper()
	socket, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { socket.Close() })
	go func() {
		buf := make([]byte, 100)
		for {
			n, from, err := socket.ReadFromUDPAddrPort(buf)
			if err != nil {
				return
			}
			socket.WriteToUDPAddrPort(buf[:n], from)
		}
	}()
	return socket
}

func TestRelay(t *testing.T) {
	r, err := newRelay(echoServer(t).LocalAddr().(*net.UDPAddr).AddrPort())
	if err != nil {
		t.Fatal(err)
	}
	defer r.close()
	device, err := net.Dial("udp4", r.addr())
	if err != nil {
		t.Fatal(err)
	}
	defer device.Close()
	device.SetDeadline(time.Now().Add(10 * time.Second))
	exchange := func(send, want []byte) {
		t.Helper()
		if send != nil {
			device.Write(send)
		}
		got := make([]byte, 100)
		n, err := device.Read(got)
		if err != nil || !bytes.Equal(got[:n], want) {
			t.Fatalf("sent %x, came back %x, %v; want %x", send, got[:n], err, want)
		}
	}
	plain, rec := []byte{0x40, 1}, []byte{0x30, 1}
	exchange(plain, plain)
	r.flipNext()
	exchange(plain, plain) // not a record
	exchange(rec, []byte{0x30, 0})
	exchange(rec, rec) // only one

	trace := r.trace()
	if len(trace) != 8 || trace[4].fromServer || !bytes.Equal(trace[4].bytes, rec) || !trace[5].fromServer {
		t.Errorf("trace: %+v", trace) // with the bytes that the device sent
	}
	if err := r.resend(trace[0]); err != nil {
		t.Fatal(err)
	}
	exchange(nil, plain)
	r.restart()
	if len(r.trace()) != 0 {
		t.Error("restart keeps the trace")
	}
}
