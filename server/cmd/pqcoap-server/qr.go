package main

import (
	"io"
	"os"
	"strings"

	"rsc.io/qr"
)

// quiet is the width of the margin around a QR code, which readers need (ISO/IEC 18004).
const quiet = 4

// Colours of a terminal, for one whose own are not known: black on white.
const (
	blackOnWhite = "\x1b[38;5;16;48;5;231m"
	ownColours   = "\x1b[0m"
)

// blocks draws a QR code with characters that are two modules each, one above the other. Without
// colours it is for light text on a dark ground, as terminals have.
func blocks(code *qr.Code, colours bool) string {
	var b strings.Builder
	drawn := func(x, y int) bool { // in the colour of text
		return code.Black(x, y) == colours // Black is false outside of the code
	}
	for y := -quiet; y < code.Size+quiet; y += 2 {
		if colours {
			b.WriteString(blackOnWhite)
		}
		for x := -quiet; x < code.Size+quiet; x++ {
			upper, lower := drawn(x, y), drawn(x, y+1)
			switch {
			case upper && lower:
				b.WriteString("█")
			case upper:
				b.WriteString("▀")
			case lower:
				b.WriteString("▄")
			default:
				b.WriteString(" ")
			}
		}
		if colours {
			b.WriteString(ownColours)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// terminal tells whether somebody looks at the output.
func terminal(out io.Writer) bool {
	f, ok := out.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// writePNG writes a QR code as a picture that only its owner can read.
func writePNG(name, text string) error {
	code, err := qr.Encode(text, qr.M)
	if err != nil {
		return err
	}
	return createPrivate(name, code.PNG())
}
