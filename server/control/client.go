package control

import (
	"errors"
	"fmt"
	"io"
	"iter"
	"time"

	"github.com/pqcoap/pqcoap/internal/invite"
	"github.com/pqcoap/pqcoap/server/registry"
)

// A client asks a server that runs. Each request is a connection of its own.
type client struct {
	dir string
}

// Close has nothing to do.
func (c *client) Close() error { return nil }

// lost is an error of the connection.
func lost(err error) error {
	if err == nil || errors.Is(err, ErrControl) {
		return err
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w: it has ended, and it is not known whether it has done this: look, and try again", ErrControl)
	}
	return fmt.Errorf("%w: %w", ErrControl, err)
}

// ask sends a request, and more where there is more to it, and waits for the end of the answer.
func (c *client) ask(q *request, more func(*conn) error) (*response, error) {
	conn, err := dial(c.dir)
	if err != nil {
		return nil, lost(err)
	}
	defer conn.Close()
	q.Version = protocolVersion
	if err := conn.send(q); err != nil {
		return nil, lost(err)
	}
	if more != nil {
		if err := more(conn); err != nil {
			return nil, err
		}
	}
	if err := conn.out.Flush(); err != nil {
		return nil, lost(err)
	}
	var r response
	if err := conn.receive(&r); err != nil {
		return nil, lost(err)
	}
	return &r, r.err()
}

func (c *client) do(q *request) error {
	_, err := c.ask(q, nil)
	return err
}

func (c *client) Enroll(d registry.Device) error {
	b := d.AppendRecord(nil)
	defer clear(b)
	return c.do(&request{Op: opEnroll, Record: b})
}

func (c *client) Suspend(name string) error { return c.do(&request{Op: opSuspend, Name: name}) }
func (c *client) Resume(name string) error  { return c.do(&request{Op: opResume, Name: name}) }
func (c *client) Revoke(name string) error  { return c.do(&request{Op: opRevoke, Name: name}) }
func (c *client) Bar(name string) error     { return c.do(&request{Op: opBar, Name: name}) }
func (c *client) Remove(name string) error  { return c.do(&request{Op: opRemove, Name: name}) }

func (c *client) Permit(name string, groups, allow []string) error {
	return c.do(&request{Op: opPermit, Name: name, Groups: groups, Allow: allow})
}

func (c *client) Get(name string) (*registry.Device, error) {
	r, err := c.ask(&request{Op: opGet, Name: name}, nil)
	if err != nil {
		return nil, err
	}
	return registry.ParseRecord(r.Record)
}

func (c *client) Invite(i registry.Invitation) (invite.Code, error) {
	r, err := c.ask(&request{
		Op: opInvite, Name: i.Name, Suite: i.Suite, Groups: i.Groups, Allow: i.Allow,
		Lifetime: int64(i.Lifetime / time.Second),
	}, nil)
	if err != nil {
		return invite.Code{}, err
	}
	return invite.ParseCode(r.Code)
}

// Import sends the devices one by one. The server changes nothing before it has all.
func (c *client) Import(devices iter.Seq2[*registry.Device, error]) error {
	_, err := c.ask(&request{Op: opImport}, func(conn *conn) error {
		var b []byte
		defer func() { clear(b) }()
		for d, err := range devices {
			if err != nil {
				return err
			}
			b = d.AppendRecord(b[:0])
			if err := conn.write(b); err != nil {
				return lost(err)
			}
		}
		return lost(conn.write(nil))
	})
	return err
}

func (c *client) All() iter.Seq2[*registry.Device, error] {
	return func(yield func(*registry.Device, error) bool) {
		conn, err := dial(c.dir)
		if err = lost(err); err == nil {
			defer conn.Close()
			err = lost(errors.Join(conn.send(&request{Version: protocolVersion, Op: opAll}), conn.out.Flush()))
		}
		for err == nil {
			var r response
			if err = lost(conn.receive(&r)); err != nil {
				break
			}
			if !r.More {
				if err = r.err(); err == nil {
					return
				}
				break
			}
			var d *registry.Device
			if d, err = registry.ParseRecord(r.Record); err == nil && !yield(d, nil) {
				return
			}
		}
		yield(nil, err)
	}
}
