package control

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fxamacker/cbor/v2"
)

func frame(b []byte) []byte {
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(b))), b...)
}

func message(t *testing.T, v any) []byte {
	t.Helper()
	b, err := cbor.Marshal(v)
	ok(t, err)
	return frame(b)
}

// What is no request changes nothing and ends its own connection only.
func TestMalformed(t *testing.T) {
	dir := t.TempDir()
	devices, _ := serve(t, dir)
	d := device("a")
	enroll := message(t, &request{Version: 1, Op: opEnroll, Record: d.AppendRecord(nil)})
	imports := message(t, &request{Version: 1, Op: opImport})
	for what, c := range map[string]struct {
		bytes []byte
		says  string
	}{
		"nothing":                  {nil, ""},
		"no frame":                 {[]byte("GET / HTTP/1.1\r\n\r\n"), ""},
		"a frame that is too long": {binary.BigEndian.AppendUint32(nil, maxFrame+1), ""},
		"a frame without an end":   {enroll[:len(enroll)-1], ""},
		"no CBOR":                  {frame([]byte{0xff}), ""},
		"a list":                   {message(t, []int{1, 2}), ""},
		"another version":          {message(t, &request{Version: 2, Op: opEnroll, Record: d.AppendRecord(nil)}), "another version"},
		"no command":               {message(t, &request{Version: 1}), "does not know"},
		"an unknown command":       {message(t, &request{Version: 1, Op: 99, Name: "a"}), "does not know"},
		"no record":                {message(t, &request{Version: 1, Op: opEnroll}), "record"},
		"half of an import":        {append(bytes.Clone(imports), frame(d.AppendRecord(nil))...), ""},
		"an import of nonsense":    {append(append(bytes.Clone(imports), frame([]byte{1})...), frame(nil)...), "record"},
	} {
		conn, err := dial(dir)
		ok(t, err)
		_, err = conn.Conn.Write(c.bytes)
		ok(t, err)
		conn.Conn.(interface{ CloseWrite() error }).CloseWrite()
		answer, err := io.ReadAll(conn.Conn)
		if err != nil && c.says != "" || !strings.Contains(string(answer), c.says) {
			t.Errorf("%s: %q, %v, want %q", what, answer, err, c.says)
		}
		conn.Close()
	}
	if names := all(t, devices); len(names) != 0 {
		t.Errorf("enrolled: %q", names)
	}
	ok(t, opened(t, dir).Enroll(d))
}

// A server that ends does not wait for a command that says nothing, and the command that waits for
// an answer is told.
func TestCloseWhileAsked(t *testing.T) {
	dir := t.TempDir()
	_, end := serve(t, dir)
	conn, err := dial(dir)
	ok(t, err)
	defer conn.Close()
	ok(t, errors.Join(conn.send(&request{Version: 1, Op: opImport}), conn.out.Flush()))
	client := opened(t, dir)
	end()
	if b, err := io.ReadAll(conn.Conn); err == nil && len(b) > 0 && !strings.Contains(string(b), "EOF") {
		t.Errorf("answered %q", b)
	}
	wants(t, "a server that is gone", client.Suspend("a"), ErrControl)
	if _, err := os.Lstat(filepath.Join(dir, SocketName)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket is left: %v", err)
	}
}

// Whatever lies where the socket belongs is replaced; in a folder that is none there is no socket.
func TestListen(t *testing.T) {
	dir := t.TempDir()
	ok(t, os.WriteFile(filepath.Join(dir, SocketName), []byte("x"), 0o644))
	ok(t, os.MkdirAll(filepath.Join(dir, SocketName+".new", "s"), 0o700))
	_, end := serve(t, dir)
	ok(t, opened(t, dir).Enroll(device("a")))
	end()
	if _, err := Listen(filepath.Join(dir, "none"), nil); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no folder: %v", err)
	}
}
