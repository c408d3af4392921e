package udp

import (
	"net"
	"os"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// A socket holds as much as this user may have.
func TestEnlarge(t *testing.T) {
	c, err := net.ListenUDP("udp4", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	enlarge(c)
	raw, err := c.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	for option, limit := range map[int]string{unix.SO_RCVBUF: "rmem_max", unix.SO_SNDBUF: "wmem_max"} {
		b, err := os.ReadFile("/proc/sys/net/core/" + limit)
		if err != nil {
			t.Skip("the limit is not known here: ", err)
		}
		most, err := strconv.Atoi(strings.TrimSpace(string(b)))
		if err != nil {
			t.Fatal(err)
		}
		err = onSocket(raw, func(fd int) error {
			got, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, option)
			if got /= 2; got < min(most, bufferSize) { // the system doubles it, for its own needs
				t.Errorf("%s: %d bytes, may be %d", limit, got, most)
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
	}
}
