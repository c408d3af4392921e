// Package cli is what the commands have in common: subcommands whose flags may stand
// anywhere, help with examples, exit codes, and logs on the standard error output.
//
// A main package has a [Program] and calls [Main]:
//
//	func main() { os.Exit(cli.Main(program)) }
//
// Tests call [Program.Run] with streams of their own.
package cli

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
)

// Exit codes that all commands share.
const (
	CodeOK      = 0
	CodeFailure = 1
	CodeUsage   = 2
)

// A Program is a command with subcommands.
type Program struct {
	Name     string
	About    string // what it is, in a sentence or two
	Commands []Command
	Examples string     // lines to be typed
	Codes    []ExitCode // beyond those of this package
}

// An ExitCode is documented in the help of the program.
type ExitCode struct {
	Code    int
	Meaning string
}

// A Command is a subcommand.
type Command struct {
	Name     string
	Args     string // synopsis, after the name
	Short    string // what it does, in a few words
	Long     string // in sentences
	Examples string // lines to be typed
	// Setup defines the flags and returns what to do when they are parsed.
	Setup func(*flag.FlagSet) Action
}

// An Action runs a subcommand. args are those that are not flags.
type Action func(ctx context.Context, std Streams, args []string) error

// Streams are where a command reads and writes. Log goes to Err.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer
	Log      *slog.Logger
}

// An Error is one with an exit code of its own.
type Error struct {
	Code int
	Err  error
}

func (e *Error) Error() string { return e.Err.Error() }

func (e *Error) Unwrap() error { return e.Err }

// Exit gives err an exit code.
func Exit(code int, err error) error { return &Error{code, err} }

// Usagef is an error in how a command was called.
func Usagef(format string, args ...any) error { return Exit(CodeUsage, fmt.Errorf(format, args...)) }

// Main runs the program with the process's arguments and streams, until SIGINT or SIGTERM.
// It returns the exit code.
func Main(p *Program) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends a program that hangs
	return p.Run(ctx, os.Args[1:], Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr})
}

// Run runs the program and returns its exit code. What went wrong goes to std.Err.
func (p *Program) Run(ctx context.Context, args []string, std Streams) int {
	name, err := p.dispatch(ctx, args, std)
	if err == nil {
		return CodeOK
	}
	code := CodeFailure
	var coded *Error
	if errors.As(err, &coded) {
		code = coded.Code
	}
	fmt.Fprintf(std.Err, "%s: %v\n", p.Name, err)
	if code == CodeUsage {
		fmt.Fprintf(std.Err, "Run '%s -h' for help.\n", name)
	}
	return code
}

// dispatch runs the subcommand that args name. It returns the name under which there is help.
func (p *Program) dispatch(ctx context.Context, args []string, std Streams) (string, error) {
	if len(args) == 0 {
		return p.Name, Usagef("a command is missing")
	}
	if isHelp(args[0]) {
		return p.Name, p.help(std.Out, args[1:])
	}
	c := p.find(args[0])
	if c == nil {
		return p.Name, Usagef("there is no command %q", args[0])
	}
	return p.Name + " " + c.Name, p.runCommand(ctx, c, args[1:], std)
}

func isHelp(arg string) bool {
	return arg == "help" || arg == "-h" || arg == "-help" || arg == "--help" || arg == "--h"
}

func (p *Program) find(name string) *Command {
	for i := range p.Commands {
		if p.Commands[i].Name == name {
			return &p.Commands[i]
		}
	}
	return nil
}

// runCommand parses the flags of a subcommand and runs it.
func (p *Program) runCommand(ctx context.Context, c *Command, args []string, std Streams) error {
	fs, verbose, action := c.flags()
	rest, err := parse(fs, args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return p.commandHelp(std.Out, c)
	case err != nil:
		return Exit(CodeUsage, err)
	}
	level := slog.LevelInfo
	if *verbose {
		level = slog.LevelDebug
	}
	std.Log = slog.New(slog.NewTextHandler(std.Err, &slog.HandlerOptions{Level: level}))
	return action(ctx, std, rest)
}

// flags makes the flags of a subcommand, with the one that all have.
func (c *Command) flags() (fs *flag.FlagSet, verbose *bool, action Action) {
	fs = flag.NewFlagSet(c.Name, flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.Usage = func() {}
	action = c.Setup(fs)
	return fs, fs.Bool("v", false, "log more, to the standard error output"), action
}

// parse reads flags that may stand before, between and behind other arguments, which it
// returns. After "--" nothing is a flag.
func parse(fs *flag.FlagSet, args []string) ([]string, error) {
	var rest []string
	for {
		if err := fs.Parse(args); err != nil {
			return nil, err
		}
		used := len(args) - fs.NArg()
		if fs.NArg() == 0 || used > 0 && args[used-1] == "--" {
			return append(rest, fs.Args()...), nil
		}
		rest = append(rest, fs.Arg(0))
		args = fs.Args()[1:]
	}
}
