package gocoap

import (
	"errors"
	"testing"
	"time"
)

func TestNetConn(t *testing.T) {
	p := newPeer(t)
	n := Conn(p).NetConn()
	if n.LocalAddr().String() != "192.0.2.1:5688" || n.RemoteAddr().String() != "198.51.100.7:40000" {
		t.Errorf("addresses %v, %v", n.LocalAddr(), n.RemoteAddr())
	}
	for name, call := range map[string]func() error{
		"Read":             func() error { _, err := n.Read(make([]byte, 1)); return err },
		"Write":            func() error { _, err := n.Write([]byte{1}); return err },
		"SetDeadline":      func() error { return n.SetDeadline(time.Time{}) },
		"SetReadDeadline":  func() error { return n.SetReadDeadline(time.Time{}) },
		"SetWriteDeadline": func() error { return n.SetWriteDeadline(time.Time{}) },
	} {
		if err := call(); !errors.Is(err, ErrNoStream) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := n.Close(); err != nil {
		t.Error(err)
	}
	<-p.Done()
}
