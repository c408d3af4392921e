// Package control lets commands work on the devices of a server's folder, whether a server runs or
// not. Only one process can own the devices: where that is a server, commands reach it by a Unix
// socket in the folder, which only its owner can open.
//
//	devices, err := control.Open("/var/lib/pqcoap")
//	defer devices.Close()
//	err = devices.Suspend("sensor-1")
//
// What is done is the same either way: the methods of [registry.Registry].
package control

import (
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"
	"time"

	"github.com/pqcoap/pqcoap/internal/invite"
	"github.com/pqcoap/pqcoap/server/registry"
)

// SocketName is that of the socket in the server's folder.
const SocketName = "control.sock"

// Errors by class of failure.
var (
	ErrControl = errors.New("the server that runs") // the connection to it
	ErrServed  = errors.New("another server runs in this folder")
)

// Devices is what commands can do: a [registry.Registry] in this process or in the server's.
type Devices interface {
	Enroll(registry.Device) error
	Import(iter.Seq2[*registry.Device, error]) error
	Get(name string) (*registry.Device, error)
	All() iter.Seq2[*registry.Device, error]
	Suspend(name string) error
	Resume(name string) error
	Revoke(name string) error
	Bar(name string) error
	Remove(name string) error
	Permit(name string, groups, allow []string) error
	Invite(registry.Invitation) (invite.Code, error)
	Close() error
}

const (
	// openTimeout is how long Open waits for who owns the devices and takes no commands: another
	// command, or a server that starts or ends.
	openTimeout = 10 * time.Second
	openStep    = 20 * time.Millisecond
)

// Open reaches the devices of a server's folder: through the server that runs, or itself. It waits
// for commands that are at work.
func Open(dir string) (Devices, error) { return open(dir, openTimeout) }

func open(dir string, timeout time.Duration) (Devices, error) {
	var devices Devices
	err := wait(dir, timeout, func() (err error) {
		if err = served(dir); err == nil {
			devices = &client{dir}
			return nil
		}
		if !absent(err) {
			return fmt.Errorf("%w: %w", ErrControl, err)
		}
		devices, err = registry.Open(dir)
		return err
	})
	if err != nil {
		return nil, err
	}
	return devices, nil
}

// Own opens the devices for a server, and waits for commands that are at work. ErrServed says that
// another server has them.
func Own(dir string) (*registry.Registry, error) { return own(dir, openTimeout) }

func own(dir string, timeout time.Duration) (devices *registry.Registry, err error) {
	err = wait(dir, timeout, func() (err error) {
		devices, err = registry.Open(dir)
		if errors.Is(err, registry.ErrInUse) && served(dir) == nil {
			return fmt.Errorf("%w: %s", ErrServed, dir)
		}
		return err
	})
	return devices, err
}

// wait tries until it is not somebody else who has the devices.
func wait(dir string, timeout time.Duration, try func() error) error {
	for begun := time.Now(); ; time.Sleep(openStep) {
		err := try()
		if !errors.Is(err, registry.ErrInUse) {
			return err
		}
		if time.Since(begun) > timeout {
			return fmt.Errorf("%w, and nobody takes commands at %s", err, filepath.Join(dir, SocketName))
		}
	}
}

// served tries whether a server takes commands.
func served(dir string) error {
	c, err := dial(dir)
	if err != nil {
		return err
	}
	return c.Close()
}

// absent tells of a socket that nobody listens at: there is none, or its server was killed.
func absent(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, syscall.ECONNRESET)
}

func dial(dir string) (*conn, error) {
	path, done, err := reach(dir, SocketName)
	if err != nil {
		return nil, err
	}
	defer done()
	c, err := net.DialTimeout("unix", path, idleTimeout)
	if err != nil {
		return nil, err
	}
	return newConn(c), nil
}

// longest is the length of a socket's path that all systems take: the name ends with a zero in 104
// or 108 bytes.
const longest = 100

// reach gives a path for a file in a folder that is short enough for a socket; where the folder's is
// not, one through an open file. It is good until done is called.
func reach(dir, name string) (path string, done func(), err error) {
	path = filepath.Join(dir, name)
	if len(path) <= longest {
		return path, func() {}, nil
	}
	if runtime.GOOS != "linux" {
		return "", nil, fmt.Errorf("%s: a socket's path has %d bytes at most: use a folder with a shorter one", path, longest)
	}
	f, err := os.Open(dir)
	if err != nil {
		return "", nil, err
	}
	return filepath.Join("/proc/self/fd", strconv.Itoa(int(f.Fd())), name), func() { f.Close() }, nil
}
