package control

import (
	"errors"
	"fmt"
	"iter"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/pqcoap/pqcoap/server/registry"
)

const (
	// maxConns is how many commands are served at once. Others wait.
	maxConns = 16
	// maxImport bounds what is held of an import before it is written, in bytes.
	maxImport = 256 << 20
)

// A Listener takes the commands for a server that runs.
type Listener struct {
	devices *registry.Registry
	path    string
	socket  *net.UnixListener
	room    chan struct{}
	tasks   sync.WaitGroup

	mu     sync.Mutex
	conns  map[*net.UnixConn]struct{}
	closed bool
}

// Listen makes the socket, in the place of what a server that was killed may have left: who has
// the devices is the one who listens. It is its owner's alone from the start.
func Listen(dir string, devices *registry.Registry) (*Listener, error) {
	l := &Listener{
		devices: devices, path: filepath.Join(dir, SocketName),
		room: make(chan struct{}, maxConns), conns: map[*net.UnixConn]struct{}{},
	}
	fresh := filepath.Join(dir, SocketName+".new")
	err := errors.Join(os.RemoveAll(fresh), os.Mkdir(fresh, 0o700))
	if err != nil {
		return nil, fmt.Errorf("control socket: %w", err)
	}
	defer os.RemoveAll(fresh)
	path, done, err := reach(dir, filepath.Join(SocketName+".new", "s"))
	if err != nil {
		return nil, fmt.Errorf("control socket: %w", err)
	}
	defer done()
	if l.socket, err = net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"}); err != nil {
		return nil, fmt.Errorf("control socket: %w", err)
	}
	l.socket.SetUnlinkOnClose(false) // it is renamed
	made := filepath.Join(fresh, "s")
	if err := errors.Join(os.Chmod(made, 0o600), os.Rename(made, l.path)); err != nil {
		l.socket.Close()
		return nil, fmt.Errorf("control socket: %w", err)
	}
	return l, nil
}

// Serve takes commands until Close.
func (l *Listener) Serve() {
	for {
		c, err := l.socket.AcceptUnix()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			time.Sleep(openStep) // too many files are open, perhaps
			continue
		}
		l.room <- struct{}{}
		if !l.keep(c) {
			c.Close()
			<-l.room
			return
		}
		l.tasks.Go(func() {
			l.serve(newConn(c))
			l.drop(c)
			<-l.room
		})
	}
}

func (l *Listener) keep(c *net.UnixConn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.closed {
		l.conns[c] = struct{}{}
	}
	return !l.closed
}

func (l *Listener) drop(c *net.UnixConn) {
	c.Close()
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.conns, c)
}

// Close removes the socket, and waits for the commands at work; those that wait for their caller
// are ended.
func (l *Listener) Close() error {
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return nil
	}
	l.closed = true
	err := errors.Join(os.Remove(l.path), l.socket.Close())
	for c := range l.conns {
		c.CloseRead()
	}
	l.mu.Unlock()
	l.tasks.Wait()
	return err
}

// serve answers one request.
func (l *Listener) serve(c *conn) {
	var q request
	if err := c.receive(&q); err != nil {
		return
	}
	if q.Version != protocolVersion {
		c.send(failure(fmt.Errorf("%w: is of another version than this command", ErrControl)))
	} else {
		l.answer(c, &q)
	}
	c.out.Flush()
}

func (l *Listener) answer(c *conn, q *request) {
	switch q.Op {
	case opGet:
		d, err := l.devices.Get(q.Name)
		if err == nil {
			c.send(&response{Record: d.AppendRecord(nil)})
			return
		}
		c.send(failure(err))
	case opAll:
		c.send(failure(l.all(c)))
	case opInvite:
		code, err := l.devices.Invite(registry.Invitation{
			Name: q.Name, Suite: q.Suite, Groups: q.Groups, Allow: q.Allow, Lifetime: time.Duration(q.Lifetime) * time.Second,
		})
		if err == nil {
			c.send(&response{Code: code.Text()})
			return
		}
		c.send(failure(err))
	default:
		c.send(failure(l.change(c, q)))
	}
}

// change does what has no answer but that it is done.
func (l *Listener) change(c *conn, q *request) error {
	switch q.Op {
	case opEnroll:
		d, err := registry.ParseRecord(q.Record)
		if err != nil {
			return err
		}
		return l.devices.Enroll(*d)
	case opImport:
		return l.imports(c)
	case opPermit:
		return l.devices.Permit(q.Name, q.Groups, q.Allow)
	}
	byName := map[op]func(string) error{
		opSuspend: l.devices.Suspend, opResume: l.devices.Resume, opRevoke: l.devices.Revoke,
		opBar: l.devices.Bar, opRemove: l.devices.Remove,
	}
	if do := byName[q.Op]; do != nil {
		return do(q.Name)
	}
	return fmt.Errorf("%w: does not know this command", ErrControl)
}

func (l *Listener) all(c *conn) error {
	for d, err := range l.devices.All() {
		if err != nil {
			return err
		}
		if err := c.send(&response{More: true, Record: d.AppendRecord(nil)}); err != nil {
			return err
		}
	}
	return nil
}

// imports takes all records before it writes: a caller that is slow keeps nobody waiting.
func (l *Listener) imports(c *conn) error {
	var records [][]byte
	defer func() {
		for _, b := range records {
			clear(b)
		}
	}()
	for size := 0; ; {
		b, err := c.read()
		if err != nil {
			return err
		}
		if len(b) == 0 {
			break
		}
		if size += len(b); size > maxImport {
			return fmt.Errorf("%w: takes %d bytes in one import at most", ErrControl, maxImport)
		}
		records = append(records, b)
	}
	return l.devices.Import(parsed(records))
}

func parsed(records [][]byte) iter.Seq2[*registry.Device, error] {
	return func(yield func(*registry.Device, error) bool) {
		for i, b := range records {
			d, err := registry.ParseRecord(b)
			if err != nil {
				err = &registry.ImportError{Index: i, Err: err}
			}
			if !yield(d, err) {
				return
			}
		}
	}
}
