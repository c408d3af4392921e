package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/plgd-dev/go-coap/v3/message"
	"github.com/plgd-dev/go-coap/v3/message/codes"

	"github.com/pqcoap/pqcoap/coap"
	"github.com/pqcoap/pqcoap/internal/cli"
)

// show writes an answer. One that is not 2.xx is an error too.
func show(w io.Writer, m coap.Message, asJSON bool) error {
	failed := m.Code>>5 != 2
	var err error
	switch {
	case asJSON:
		err = showJSON(w, m)
	case !failed:
		err = showBody(w, m)
	}
	if err != nil || !failed {
		return err
	}
	text := "the server answered " + codeText(m.Code)
	if f, _ := formatOf(m); len(m.Payload) > 0 && f == message.TextPlain { // a diagnostic payload (RFC 7252 section 5.5.2)
		text += ": " + printable(m.Payload)
	}
	return cli.Exit(codeAnswer, fmt.Errorf("%s", text))
}

// codeText is a code as RFC 7252 writes it, with its name.
func codeText(c codes.Code) string {
	name := c.String()
	var b strings.Builder
	for i, r := range name {
		if i > 0 && unicode.IsUpper(r) && unicode.IsLower(rune(name[i-1])) {
			b.WriteByte(' ')
		}
		b.WriteRune(r)
	}
	return fmt.Sprintf("%d.%02d %s", c>>5, c&31, b.String())
}

// maxDiagnostic is how much of a server's text is shown.
const maxDiagnostic = 200

// printable leaves out what could steer a terminal.
func printable(b []byte) string {
	s := strings.Map(func(r rune) rune {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, string(b))
	if runes := []rune(s); len(runes) > maxDiagnostic {
		return string(runes[:maxDiagnostic]) + "..."
	}
	return s
}

func showBody(w io.Writer, m coap.Message) error {
	b := m.Payload
	format, _ := formatOf(m)
	if isCBOR(format) && isTerminal(w) {
		if v, err := readable(format, b); err == nil {
			if b, err = json.MarshalIndent(v, "", "  "); err != nil {
				return err
			}
		}
	}
	if len(b) > 0 && isTerminal(w) && b[len(b)-1] != '\n' {
		b = append(b, '\n')
	}
	_, err := w.Write(b)
	return err
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// An answerObject is the JSON form of an answer. Payload is the JSON or CBOR value or the text,
// PayloadBase64 what is neither.
type answerObject struct {
	Code          string             `json:"code"`
	ContentFormat *message.MediaType `json:"content_format,omitempty"`
	Bytes         int                `json:"bytes"`
	Payload       any                `json:"payload,omitempty"`
	PayloadBase64 []byte             `json:"payload_base64,omitempty"`
}

func showJSON(w io.Writer, m coap.Message) error {
	o := answerObject{Code: fmt.Sprintf("%d.%02d", m.Code>>5, m.Code&31), Bytes: len(m.Payload)}
	format, ok := formatOf(m)
	if ok {
		o.ContentFormat = &format
	}
	var err error
	if len(m.Payload) > 0 {
		if o.Payload, err = readable(format, m.Payload); err != nil {
			o.PayloadBase64 = m.Payload
		}
	}
	return json.NewEncoder(w).Encode(o)
}
