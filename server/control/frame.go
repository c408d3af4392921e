package control

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/fxamacker/cbor/v2"

	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/server/registry"
)

const (
	// maxFrame is the longest frame, in bytes: a device with all the rules it can have.
	maxFrame = 128 << 10
	// idleTimeout is how long either side waits for the other's next frame.
	idleTimeout = 30 * time.Second
)

// An op is what a request asks for.
type op uint8

const (
	opEnroll op = iota + 1
	opImport
	opGet
	opAll
	opSuspend
	opResume
	opRevoke
	opBar
	opRemove
	opPermit
	opInvite
)

// protocolVersion is in each request: the command and the server may be of two versions.
const protocolVersion = 1

// A request begins a connection, which is for one. Behind that of opImport come records, and an
// empty frame as the last.
type request struct {
	Version  uint            `cbor:"0,keyasint"`
	Op       op              `cbor:"1,keyasint"`
	Name     string          `cbor:"2,keyasint,omitempty"`
	Record   []byte          `cbor:"3,keyasint,omitempty"`
	Groups   []string        `cbor:"4,keyasint,omitempty"`
	Allow    []string        `cbor:"5,keyasint,omitempty"`
	Suite    handshake.Suite `cbor:"6,keyasint,omitempty"`
	Lifetime int64           `cbor:"7,keyasint,omitempty"` // s
}

// A response is an item of an answer, or its end.
type response struct {
	More   bool   `cbor:"0,keyasint,omitempty"` // and Record is an item
	Record []byte `cbor:"1,keyasint,omitempty"`
	Code   string `cbor:"2,keyasint,omitempty"` // of an invitation
	Error  string `cbor:"3,keyasint,omitempty"` // empty: it is done
	Class  int    `cbor:"4,keyasint,omitempty"` // of the error: its place in classes
	Index  int    `cbor:"5,keyasint,omitempty"` // of the device that an import was refused for, from 1
}

// classes are the errors that commands tell apart. Their numbers are those of the protocol.
var classes = []error{
	ErrControl, registry.ErrFile, registry.ErrInUse, registry.ErrClosed, registry.ErrInvalid,
	registry.ErrTaken, registry.ErrUnknown, registry.ErrSuite, registry.ErrSuspended,
	registry.ErrRevoked, registry.ErrExpired, registry.ErrBusy,
}

// A told is an error of the other process.
type told struct {
	text  string
	class error
}

func (e *told) Error() string { return e.text }

func (e *told) Unwrap() error { return e.class }

// failure is the end of an answer, by an error or nil.
func failure(err error) *response {
	if err == nil {
		return &response{}
	}
	r := &response{Error: err.Error()}
	if of := (*registry.ImportError)(nil); errors.As(err, &of) {
		r.Index, r.Error = of.Index+1, of.Err.Error()
	}
	for i, class := range classes {
		if errors.Is(err, class) {
			r.Class = i
		}
	}
	return r
}

// err is the inverse of failure.
func (r *response) err() error {
	if r.Error == "" {
		return nil
	}
	e := &told{r.Error, ErrControl}
	if r.Class >= 0 && r.Class < len(classes) {
		e.class = classes[r.Class]
	}
	if r.Index > 0 {
		return &registry.ImportError{Index: r.Index - 1, Err: e}
	}
	return e
}

var decoding = func() cbor.DecMode {
	m, err := cbor.DecOptions{
		DupMapKey: cbor.DupMapKeyEnforcedAPF, IndefLength: cbor.IndefLengthForbidden, TagsMd: cbor.TagsForbidden,
		MaxNestedLevels: 4, MaxArrayElements: 1024, MaxMapPairs: 32,
	}.DecMode()
	if err != nil {
		panic(err) // constant options
	}
	return m
}()

// A conn carries frames: 4 bytes of length, most significant first, and that many bytes.
type conn struct {
	net.Conn
	in  *bufio.Reader
	out *bufio.Writer
}

func newConn(c net.Conn) *conn { return &conn{c, bufio.NewReader(c), bufio.NewWriter(c)} }

// write queues a frame.
func (c *conn) write(b []byte) error {
	if len(b) > maxFrame {
		return fmt.Errorf("%w: a frame of %d bytes, more than %d", ErrControl, len(b), maxFrame)
	}
	c.SetWriteDeadline(time.Now().Add(idleTimeout))
	if _, err := c.out.Write(binary.BigEndian.AppendUint32(nil, uint32(len(b)))); err != nil {
		return err
	}
	_, err := c.out.Write(b)
	return err
}

// send queues a message.
func (c *conn) send(v any) error {
	b, err := cbor.Marshal(v)
	if err != nil {
		return err
	}
	defer clear(b)
	return c.write(b)
}

// read takes a frame.
func (c *conn) read() ([]byte, error) {
	c.SetReadDeadline(time.Now().Add(idleTimeout))
	var head [4]byte
	if _, err := io.ReadFull(c.in, head[:]); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(head[:])
	if n > maxFrame {
		return nil, fmt.Errorf("%w: a frame of %d bytes, more than %d", ErrControl, n, maxFrame)
	}
	b := make([]byte, n)
	_, err := io.ReadFull(c.in, b)
	return b, err
}

// receive takes a message.
func (c *conn) receive(v any) error {
	b, err := c.read()
	if err != nil {
		return err
	}
	defer clear(b)
	return decoding.Unmarshal(b, v)
}
