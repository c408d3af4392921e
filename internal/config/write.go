package config

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/BurntSushi/toml"
)

// Defaults fills v, a pointer to a struct with toml tags, with the defaults of all keys that have
// one.
func (f *File) Defaults(v any) error {
	var b strings.Builder
	write := func(keys []Key) {
		for i := range keys {
			if k := &keys[i]; k.Default != nil {
				fmt.Fprintf(&b, "%s = %s\n", k.Name, k.literal())
			}
		}
	}
	write(f.Keys)
	for i := range f.Tables {
		if t := &f.Tables[i]; t.Form == Single {
			fmt.Fprintf(&b, "[%s]\n", t.Name)
			write(t.Keys)
		}
	}
	return toml.Unmarshal([]byte(b.String()), v)
}

// literal is the default in TOML.
func (k *Key) literal() string {
	switch v := k.Default.(type) {
	case string:
		return strconv.Quote(v)
	case nil:
		return ""
	default:
		return fmt.Sprint(v)
	}
}

// columns is the width of comments and documents.
const columns = 96

// Commented is the file that init writes: every key with what it means, its range and its default.
func (f *File) Commented() []byte {
	var b strings.Builder
	comment(&b, f.About)
	for i := range f.Keys {
		b.WriteByte('\n')
		f.Keys[i].commented(&b)
	}
	for i := range f.Tables {
		t := &f.Tables[i]
		b.WriteByte('\n')
		comment(&b, t.Doc)
		if t.Form == Single {
			b.WriteString("# " + t.Header() + "\n")
			for i := range t.Keys {
				b.WriteString("#\n")
				t.Keys[i].commented(&b)
			}
		}
		for line := range strings.Lines(t.Example) {
			b.WriteString(strings.TrimSpace("# "+line) + "\n")
		}
	}
	return []byte(b.String())
}

// commented is a key with what it means.
func (k *Key) commented(b *strings.Builder) {
	comment(b, strings.TrimSpace(k.Doc+" "+k.bounds()))
	if !k.Written {
		b.WriteString("# ")
	}
	fmt.Fprintf(b, "%s = %s\n", k.Name, k.literal())
}

// bounds is what a comment says of unit and range.
func (k *Key) bounds() string {
	if k.Kind != Int {
		return ""
	}
	return strings.TrimSuffix(fmt.Sprintf("%d to %d %s", k.Min, k.Max, k.Unit), " ") + "."
}

// comment writes text in lines that begin with #.
func comment(b *strings.Builder, text string) {
	line := "#"
	for _, word := range strings.Fields(text) {
		if len(line)+1+len(word) > columns {
			b.WriteString(line + "\n")
			line = "#"
		}
		line += " " + word
	}
	b.WriteString(line + "\n")
}

// Markdown is the section of docs/configuration.md about the file.
func (f *File) Markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "## %s\n\n%s\n\n", f.Name, f.Intro)
	rows(&b, f.Keys, false)
	for i := range f.Tables {
		t := &f.Tables[i]
		fmt.Fprintf(&b, "\n### %s\n\n%s\n\n", t.Header(), t.Doc)
		rows(&b, t.Keys, t.Reload)
		if t.Example != "" {
			fmt.Fprintf(&b, "\n```toml\n%s\n```\n", strings.TrimSpace(t.Example))
		}
	}
	return b.String()
}

// rows is a table of keys.
func rows(b *strings.Builder, keys []Key, reload bool) {
	b.WriteString("| key | value | default | reload | meaning |\n|---|---|---|---|---|\n")
	for i := range keys {
		k := &keys[i]
		fallback, taken := "", "no"
		if k.Default != nil {
			fallback = "`" + k.literal() + "`"
		}
		if k.Reload || reload {
			taken = "yes"
		}
		fmt.Fprintf(b, "| `%s` | %s | %s | %s | %s |\n", k.Name, k.want(), fallback, taken, k.Doc)
	}
}

// Markdown is docs/configuration.md.
func Markdown() string {
	return about + Server.Markdown() + "\n" + Device.Markdown()
}

const about = `# Configuration

One TOML file a side. This page is made from the table in ` + "`internal/config`" + ` by
` + "`go generate ./internal/config`" + `.

A key that is not in these tables is refused, with the line and the nearest key that is there. So
are values of a wrong type or out of range. ` + "`pqcoap-server check -dir DIR`" + ` and
` + "`pqcoap-node check -c FILE`" + ` print all that is wrong, without starting anything.

A server that runs reads ` + "`server.toml`" + ` again when it changes, within a second, and on SIGHUP.
It takes the keys with "yes" under "reload", and says in its log which others wait for a restart.
A file with an error in it changes nothing. A device reads its file when its program starts.

`
