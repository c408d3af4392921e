// Package passphrase is where the commands get passphrases from: a file descriptor, a credential of
// systemd, or a prompt on the terminal, in this order. Never an argument or an environment variable,
// which others can read.
//
//	var p passphrase.Flag
//	p.Define(fs)                       // -passphrase-fd
//	text, err := p.Ask("of the keys")  // to be cleared by the caller
package passphrase

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"

	"golang.org/x/term"

	"github.com/pqcoap/pqcoap/internal/keyfile"
)

// Errors by class of failure.
var (
	ErrNone   = errors.New("a passphrase is needed: there is no terminal to ask on, no -passphrase-fd, and no credential " + credential + " of systemd")
	ErrShort  = errors.New("a new passphrase has at least 8 bytes")
	ErrLong   = fmt.Errorf("a passphrase has at most %d bytes", keyfile.MaxPassphrase)
	ErrDiffer = errors.New("the two are not the same")
)

const (
	credential = "pqcoap-passphrase"
	minNew     = 8
	none       = -1
)

// A Flag is the flags of a command that may need a passphrase, and its terminal.
type Flag struct {
	current, fresh int
	terminal       terminal
}

// descriptors are those that were read, by number. They stay open: they are the caller's, who may
// have given one for two passphrases.
var descriptors = struct {
	sync.Mutex
	open map[int]*os.File
}{open: map[int]*os.File{}}

// terminal is what a Flag asks on; tests have another.
type terminal interface {
	Ask(prompt string) ([]byte, error)
}

// Define adds -passphrase-fd.
func (f *Flag) Define(fs *flag.FlagSet) {
	f.current, f.fresh = none, none
	fs.IntVar(&f.current, "passphrase-fd", none, "read the passphrase from the file descriptor `N`, a line, instead of the terminal")
}

// DefineNew adds -new-passphrase-fd, for commands that change one.
func (f *Flag) DefineNew(fs *flag.FlagSet) {
	fs.IntVar(&f.fresh, "new-passphrase-fd", none, "read the new passphrase from the file descriptor `N`, a line; may be that of -passphrase-fd")
}

// Ask gets a passphrase that is in use.
func (f *Flag) Ask(of string) ([]byte, error) {
	if f.current != none {
		return line(f.current)
	}
	if text, err := fromSystemd(); text != nil || err != nil {
		return text, err
	}
	return f.prompt("Passphrase " + of + ": ")
}

// New gets one that is to be in use from now on; where nothing else is said, by that of Ask.
func (f *Flag) New(of string) ([]byte, error) {
	text, err := f.newText(of)
	if err == nil && len(text) < minNew {
		clear(text)
		return nil, ErrShort
	}
	return text, err
}

func (f *Flag) newText(of string) ([]byte, error) {
	if f.fresh != none {
		return line(f.fresh)
	}
	first, err := f.prompt("New passphrase " + of + ": ")
	if err != nil {
		return nil, err
	}
	again, err := f.prompt("Once more: ")
	defer clear(again)
	if err == nil && !bytes.Equal(first, again) {
		err = ErrDiffer
	}
	if err != nil {
		clear(first)
		return nil, err
	}
	return first, nil
}

// Init gets the passphrase of new keys: from where Ask would get it without asking, or as New.
func (f *Flag) Init(of string) ([]byte, error) {
	if f.current == none {
		text, err := fromSystemd()
		switch {
		case err != nil:
			return nil, err
		case text == nil:
			return f.New(of)
		case len(text) < minNew:
			clear(text)
			return nil, ErrShort
		}
		return text, nil
	}
	f.fresh = f.current
	return f.New(of)
}

// line reads a line of a descriptor, byte by byte: the next one may be for another question.
func line(fd int) ([]byte, error) {
	if fd < 0 {
		return nil, fmt.Errorf("-passphrase-fd: there is no descriptor %d", fd)
	}
	descriptors.Lock()
	defer descriptors.Unlock()
	file := descriptors.open[fd]
	if file == nil {
		file = os.NewFile(uintptr(fd), fmt.Sprintf("descriptor %d", fd))
		descriptors.open[fd] = file
	}
	return readLine(file)
}

// readLine reads up to the end of a line, or of the file, and returns it without that end.
func readLine(r io.Reader) ([]byte, error) {
	text := make([]byte, 0, keyfile.MaxPassphrase+2) // no growth: it would leave copies
	for {
		n, err := r.Read(text[len(text) : len(text)+1])
		text = text[:len(text)+n]
		switch {
		case n > 0 && text[len(text)-1] == '\n', errors.Is(err, io.EOF) && len(text) > 0:
			return trim(text)
		case err != nil:
			clear(text)
			return nil, fmt.Errorf("passphrase: %w", err)
		case len(text) == cap(text):
			clear(text)
			return nil, ErrLong
		}
	}
}

// trim takes the end of the line away.
func trim(text []byte) ([]byte, error) {
	text = bytes.TrimSuffix(bytes.TrimSuffix(text, []byte("\n")), []byte("\r"))
	if len(text) > keyfile.MaxPassphrase {
		clear(text)
		return nil, ErrLong
	}
	return text, nil
}

// fromSystemd reads the credential that LoadCredential= gives a service; nil: there is none.
func fromSystemd() ([]byte, error) {
	dir := os.Getenv("CREDENTIALS_DIRECTORY")
	if dir == "" {
		return nil, nil
	}
	file, err := os.Open(filepath.Join(dir, credential))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("passphrase: %w", err)
	}
	defer file.Close()
	return readLine(file)
}

// prompt asks on the terminal.
func (f *Flag) prompt(text string) ([]byte, error) {
	t := f.terminal
	if t == nil {
		t = console{}
	}
	return t.Ask(text)
}

// console is the terminal of the process, whatever its standard streams are.
type console struct{}

// Ask shows nothing of what is typed.
func (console) Ask(prompt string) ([]byte, error) {
	in, out := os.Stdin, os.Stderr
	if tty, err := os.OpenFile("/dev/tty", os.O_RDWR, 0); err == nil {
		defer tty.Close()
		in, out = tty, tty
	}
	if !term.IsTerminal(int(in.Fd())) {
		return nil, ErrNone
	}
	fmt.Fprint(out, prompt)
	text, err := term.ReadPassword(int(in.Fd()))
	fmt.Fprintln(out)
	if err != nil {
		return nil, fmt.Errorf("passphrase: %w", err)
	}
	return trim(text)
}
