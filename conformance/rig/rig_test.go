package rig

import (
	"context"
	"crypto/rand"
	"os"
	"testing"
	"time"

	"github.com/plgd-dev/go-coap/v3/message"

	"github.com/pqcoap/pqcoap/coap"
	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/internal/session"
)

// The program of the tests is a peer where it is started as one.
func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == "peer" {
		if Serve(context.Background(), os.Stdin, os.Stdout) != nil {
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

func places() map[string]Place {
	return map[string]Place{"inside": Inside, "process": Process(os.Args[0], "peer")}
}

func start(t *testing.T, cfg Config, at Place) *Peer {
	t.Helper()
	p, err := Start(t.Context(), cfg, at)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

// Devices of all modes have sessions with a peer, resume, and ask.
func TestDevice(t *testing.T) {
	key, err := handshake.GenerateKey(rand.Reader, handshake.MLKEM512)
	if err != nil {
		t.Fatal(err)
	}
	for name, at := range places() {
		t.Run(name, func(t *testing.T) {
			p := start(t, Config{Suite: handshake.MLKEM512, Devices: [][]byte{key.Public().Bytes()}}, at)
			socket, err := Listen(Loopback)
			if err != nil {
				t.Fatal(err)
			}
			defer socket.Close()
			cfg := session.DeviceConfig{Server: p.Credential, Suite: handshake.MLKEM512}
			for _, set := range []func(){func() {}, func() { cfg.Key = key }, func() { cfg.Key, cfg.PSK = nil, DevicePSK(7) }} {
				set()
				cfg.Resume = nil
				for _, resumed := range []bool{false, true} {
					d, err := Open(t.Context(), socket, p.Addr, cfg)
					if err == nil {
						err = d.Confirm(t.Context())
					}
					if err != nil || d.Stats().Resumed != resumed {
						t.Fatal(err, d.Stats().Resumed)
					}
					m, err := d.Do(t.Context(), coap.Message{Code: coap.GET, Options: message.Options{{ID: message.URIPath, Value: []byte("x")}}})
					if err != nil || string(m.Payload) != "21.5" {
						t.Error(m.Code, err)
					}
					cfg.Resume = d.Ticket
				}
			}
			if r, err := p.Recheck(); err != nil || r.Sessions < 3 || r.Received == 0 || r.Sent == 0 {
				t.Errorf("%+v, %v", r, err)
			}
		})
	}
}

func TestEcho(t *testing.T) {
	for name, at := range places() {
		t.Run(name, func(t *testing.T) {
			p := start(t, Config{Echo: true}, at)
			socket, err := Listen(Loopback)
			if err != nil {
				t.Fatal(err)
			}
			defer socket.Close()
			socket.WriteToUDPAddrPort(NewEcho(50, 31), p.Addr)
			socket.SetReadDeadline(time.Now().Add(time.Minute))
			if n, from, err := socket.ReadFromUDPAddrPort(make([]byte, 100)); n != 31 || from != p.Addr || err != nil {
				t.Error(n, from, err)
			}
			r, err := p.Settle()
			if err != nil || r.RSS <= 0 || r.CPU <= 0 || r.Heap <= 0 {
				t.Errorf("%+v, %v", r, err)
			}
		})
	}
}

// A peer that cannot be says why, and one that does not exist is an error too.
func TestStartFails(t *testing.T) {
	for name, at := range map[string]Place{"inside": Inside, "none": Process("/does/not/exist")} {
		if p, err := Start(t.Context(), Config{Suite: 99}, at); err == nil || p != nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// A device without a server gives up when it is told to.
func TestNoAnswer(t *testing.T) {
	socket, err := Listen(Loopback)
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	key, err := handshake.GenerateKey(rand.Reader, handshake.MLKEM512)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := Open(ctx, socket, addrOf(socket.LocalAddr()), session.DeviceConfig{
		Server: key.ServerCredential(), Suite: handshake.MLKEM512,
	}); err == nil {
		t.Error("a session with nobody")
	}
}

func TestResident(t *testing.T) {
	if memory() < 1<<20 || Resident("none") != 0 {
		t.Error("memory of this process", memory())
	}
}
