package conformance

import (
	"crypto/rand"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/node"
	"github.com/pqcoap/pqcoap/server"
)

// TestCommandLargeBodies: pqcoap-node sends and receives files that it does not hold.
func TestCommandLargeBodies(t *testing.T) {
	if testing.Short() {
		t.Log("builds the commands: not with -short")
		return
	}
	body := &firmware{size: 3<<20 + 5}
	key, err := handshake.GenerateKey(rand.Reader, handshake.MLKEM512)
	if err != nil {
		t.Fatal(err)
	}
	srv, err := server.New(server.Config{
		Keys: []*handshake.PrivateKey{key}, Handler: &store{body: body, max: 10 << 20},
		Authorize: func(handshake.Suite, handshake.ClientCredential) (server.Client, error) { return server.Client{}, nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	socket, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- srv.Serve(socket) }()
	defer func() {
		srv.Close()
		<-done
	}()

	c := buildCommands(t)
	text, err := node.AppendConfig(nil, node.Config{
		Name: "device", Server: socket.LocalAddr().String(), Suite: handshake.MLKEM512, Trust: key.ServerCredential(),
	})
	if err != nil {
		t.Fatal(err)
	}
	c.write("device.toml", string(text))
	c.ok("pqcoap-node get -c device.toml -o got.bin /get")
	f, err := os.Open(filepath.Join(c.dir, "got.bin"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if got := sum(f); got != body.sum() {
		t.Errorf("got %s, want %s", got, body.sum())
	}
	if out := c.ok("pqcoap-node put -c device.toml -f got.bin /put"); out != body.sum() {
		t.Errorf("sent %s, want %s", out, body.sum())
	}
	c.fails(1, fmt.Sprintf("larger than %d bytes", 1<<20), "pqcoap-node get -c device.toml /get")
	c.fails(2, "want one of them", "pqcoap-node get -c device.toml -json -o x /get")

	whole := make([]byte, body.size)
	io.ReadFull(io.NewSectionReader(body, 0, body.size), whole)
	cmd := c.command("pqcoap-node", "put", "-c", "device.toml", "/put")
	cmd.Stdin = strings.NewReader(string(whole))
	if out, err := cmd.CombinedOutput(); err == nil || !strings.Contains(string(out), "with -f") {
		t.Errorf("a large body from the standard input: %v\n%s", err, out)
	}
	left, err := filepath.Glob(filepath.Join(c.dir, "*.part-*"))
	if err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
