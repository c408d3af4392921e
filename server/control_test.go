package server

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/server/control"
)

// A folder has one server at a time, also in one program; the next one gets it when that has ended.
func TestOneServer(t *testing.T) {
	path := initDir(t, handshake.MLKEM512)
	first := openFolder(t, path)
	srv, err := New(first.Config(nothing))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := New(first.Config(nothing)); !errors.Is(err, ErrDir) {
		t.Errorf("a second server of a folder that is open: %v", err)
	}
	srv.Close()
	again, err := New(openFolder(t, path).Config(nothing))
	if err != nil {
		t.Fatal(err)
	}
	again.Close()
}

// Who serves takes commands, and leaves nothing.
func TestServesCommands(t *testing.T) {
	path := initDir(t, handshake.MLKEM512)
	folder := openFolder(t, path)
	folder.NoControl = false
	srv, err := New(folder.Config(nothing))
	if err != nil {
		t.Fatal(err)
	}
	socket, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- srv.Serve(socket) }()
	devices, err := control.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := devices.Enroll(another("b")); err != nil {
		t.Error(err)
	}
	if d, err := folder.Devices.Get("b"); err != nil || d.Name != "b" {
		t.Errorf("the server does not know the device: %v", err)
	}
	if _, err := New(openFolder(t, path).Config(nothing)); !errors.Is(err, control.ErrServed) || !errors.Is(err, ErrDir) {
		t.Errorf("a second server beside it: %v", err)
	}
	srv.Close()
	if err := <-ended; !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
	if _, err := os.Lstat(filepath.Join(path, control.SocketName)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket is left: %v", err)
	}
}
