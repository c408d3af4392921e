package cli

import (
	"flag"
	"fmt"
	"io"
	"strings"
)

// help writes the help of the program, or of the subcommand that args name.
func (p *Program) help(w io.Writer, args []string) error {
	if len(args) == 0 {
		p.programHelp(w)
		return nil
	}
	c := p.find(args[0])
	if c == nil {
		return Usagef("there is no command %q", args[0])
	}
	return p.commandHelp(w, c)
}

func (p *Program) programHelp(w io.Writer) {
	fmt.Fprintf(w, "%s\n\nUsage: %s COMMAND [FLAGS] [ARGUMENTS]\n\nCommands:\n", paragraph(p.About), p.Name)
	width := 0
	for _, c := range p.Commands {
		width = max(width, len(c.Name))
	}
	for _, c := range p.Commands {
		fmt.Fprintf(w, "  %-*s  %s\n", width, c.Name, c.Short)
	}
	examples(w, p.Examples)
	fmt.Fprintf(w, "\nExit codes:\n")
	for _, c := range append([]ExitCode{
		{CodeOK, "done"},
		{CodeFailure, "failed; the standard error output says why"},
		{CodeUsage, "called in a wrong way"},
	}, p.Codes...) {
		fmt.Fprintf(w, "  %d  %s\n", c.Code, c.Meaning)
	}
	fmt.Fprintf(w, "\n'%s COMMAND -h' tells more about a command.\n", p.Name)
}

func (p *Program) commandHelp(w io.Writer, c *Command) error {
	const usage = "Usage: "
	synopsis := wrap(strings.TrimSpace(usage+p.Name+" "+c.Name+" "+c.Args), len(usage)+2)
	fmt.Fprintf(w, "%s\n\n%s\n\nFlags:\n", synopsis, paragraph(c.Long))
	fs, _, _ := c.flags()
	writeFlags(w, fs)
	examples(w, c.Examples)
	return nil
}

func examples(w io.Writer, lines string) {
	fmt.Fprintf(w, "\nExamples:\n")
	for line := range strings.Lines(strings.TrimSpace(lines)) {
		fmt.Fprintf(w, "  %s\n", strings.TrimSpace(line))
	}
}

// writeFlags lists flags in aligned columns.
func writeFlags(w io.Writer, fs *flag.FlagSet) {
	width := 0
	fs.VisitAll(func(f *flag.Flag) { width = max(width, len(signature(f))) })
	fs.VisitAll(func(f *flag.Flag) {
		_, usage := flag.UnquoteUsage(f)
		if shown(f.DefValue) {
			usage += " (default " + f.DefValue + ")"
		}
		lines := wrap(fmt.Sprintf("  %-*s  %s", width, signature(f), usage), width+4)
		fmt.Fprintln(w, lines)
	})
}

func signature(f *flag.Flag) string {
	argument, _ := flag.UnquoteUsage(f)
	return strings.TrimSpace("-" + f.Name + " " + argument)
}

// columns is the width of a terminal.
const columns = 80

// paragraph breaks lines where they have to be, not where the source has them. An empty line begins
// another paragraph; lines that are indented stay as they are.
func paragraph(text string) string {
	var lines, words []string
	flush := func() {
		if len(words) > 0 {
			lines, words = append(lines, wrap(strings.Join(words, " "), 0)), nil
		}
	}
	for line := range strings.SplitSeq(strings.TrimSpace(text), "\n") {
		switch {
		case strings.HasPrefix(line, "  "), line == "":
			flush()
			lines = append(lines, line)
		default:
			words = append(words, strings.Fields(line)...)
		}
	}
	flush()
	return strings.Join(lines, "\n")
}

// wrap breaks lines that are too long. What follows a break is indented.
func wrap(text string, indent int) string {
	var b strings.Builder
	for len(text) > columns {
		at := strings.LastIndexByte(text[:columns+1], ' ')
		if at <= indent { // a word without end
			break
		}
		b.WriteString(strings.TrimRight(text[:at], " ") + "\n")
		text = strings.Repeat(" ", indent) + strings.TrimLeft(text[at:], " ")
	}
	return b.String() + text
}

// shown reports whether a default says something.
func shown(value string) bool {
	return value != "" && value != "0" && value != "-1" && value != "false" && value != "0s"
}
