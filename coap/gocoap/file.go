package gocoap

import (
	"io"
	"os"

	"github.com/plgd-dev/go-coap/v3/message/pool"

	"github.com/pqcoap/pqcoap/coap"
)

// smallFile is what is read at once of a file: what is larger is read while it is sent.
const smallFile = 64 << 10

// file takes a large file out of a response, nil where there is none: firmware, say, of which
// no copy for each device is held. As with go-coap the handler leaves it open. Other readers
// are not to be trusted with the session's time.
func file(m *pool.Message) coap.Body {
	f, ok := m.Body().(*os.File)
	if !ok {
		return nil
	}
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() || info.Size() <= smallFile {
		return nil
	}
	m.SetBody(nil)
	return io.NewSectionReader(f, 0, info.Size())
}
