package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"strconv"
	"unicode/utf8"

	"github.com/plgd-dev/go-coap/v3/message"

	"github.com/pqcoap/pqcoap/coap"
	"github.com/pqcoap/pqcoap/internal/cli"
)

// maxBody is the largest body that is held. A larger one is read from its file as it is sent.
const maxBody = 1 << 20

// A body is that of a request, and the flags that say where it comes from.
type body struct {
	text, file      string
	hasText, hasFmt bool

	format message.MediaType
	bytes  []byte
	large  *os.File // instead of bytes
	size   int64
}

// stream is the body where it is not held, else nil.
func (b *body) stream() coap.Body {
	if b == nil || b.large == nil {
		return nil
	}
	return io.NewSectionReader(b.large, 0, b.size)
}

func (b *body) close() {
	if b != nil && b.large != nil {
		b.large.Close()
	}
}

func (b *body) define(fs *flag.FlagSet) {
	fs.Func("d", "`TEXT` of the body", func(s string) error {
		b.text, b.hasText = s, true
		return nil
	})
	fs.StringVar(&b.file, "f", "", "`FILE` with the body; - and without -d: the standard input")
	fs.Func("format", "content format `N` of the body, as 50 for JSON, 110 and 112 for SenML in "+
		"JSON and CBOR; without it 0 (text) for UTF-8, 42 (bytes) for what is not", b.setFormat)
}

func (b *body) setFormat(s string) error {
	n, err := strconv.ParseUint(s, 10, 16)
	if err != nil {
		return fmt.Errorf("want a number from 0 to 65535")
	}
	b.format, b.hasFmt = message.MediaType(n), true
	return nil
}

// read takes the body from where the flags say.
func (b *body) read(stdin io.Reader) error {
	if b.hasText && b.file != "" {
		return cli.Usagef("-d and -f: want one of them")
	}
	var err error
	if b.bytes, err = b.source(stdin); err != nil {
		return fmt.Errorf("body: %w", err)
	}
	if len(b.bytes) > maxBody {
		return fmt.Errorf("body: larger than %d bytes: give it as a file, with -f", maxBody)
	}
	if !b.hasFmt && (b.large != nil || !utf8.Valid(b.bytes)) {
		b.format = message.AppOctets
	}
	return nil
}

func (b *body) source(stdin io.Reader) ([]byte, error) {
	switch {
	case b.hasText:
		return []byte(b.text), nil
	case b.file == "" || b.file == "-":
		return io.ReadAll(io.LimitReader(stdin, maxBody+1))
	}
	f, err := os.Open(b.file)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && info.Mode().IsRegular() && info.Size() > maxBody {
		b.large, b.size = f, info.Size()
		return nil, nil
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxBody+1))
}
