package config

import (
	"fmt"
	"strings"
)

// Lines are where the keys of a file stand, by path: "listen", "route[1].path", "group.a.allow".
type Lines map[string]int

// Problem is what is wrong with the key at a path, as an error.
func (l Lines) Problem(path, format string, args ...any) error {
	return Problems{l.problem(path, fmt.Errorf(format, args...))}
}

// problem places an error at the line of a key, or of the table around it.
func (l Lines) problem(path string, err error) Problem {
	for path != "" {
		if line := l[path]; line != 0 {
			return Problem{line, err.Error(), err}
		}
		path = path[:max(strings.LastIndexByte(path, '.'), strings.LastIndexByte(path, '['), 0)]
	}
	return Problem{0, err.Error(), err}
}

// scan finds the lines of keys and headers. What it does not understand, such as keys in inline
// tables, has the line of what is around it.
func scan(text []byte) Lines {
	lines := Lines{}
	count := map[string]int{}
	var prefix, open string // open: the quotes of a text of several lines
	n := 0
	for line := range strings.Lines(string(text)) {
		n++
		line = strings.TrimSpace(line)
		if open != "" {
			if strings.Count(line, open)%2 == 1 {
				open = ""
			}
			continue
		}
		if strings.HasPrefix(line, "[") {
			prefix = header(line, count)
			lines.first(prefix, n)
			if at := strings.IndexAny(prefix, ".["); at > 0 {
				lines.first(prefix[:at], n)
			}
			prefix += "."
			continue
		}
		key, value, found := strings.Cut(line, "=")
		if !found || strings.HasPrefix(line, "#") {
			continue
		}
		lines.first(strings.TrimPrefix(prefix, ".")+name(key), n)
		for _, quotes := range []string{`"""`, `'''`} {
			if strings.Count(value, quotes)%2 == 1 {
				open = quotes
			}
		}
	}
	return lines
}

func (l Lines) first(path string, line int) {
	if l[path] == 0 {
		l[path] = line
	}
}

// header is the path of a table: "route[0]" of [[route]], "group.a" of [group.a].
func header(line string, count map[string]int) string {
	line, _, _ = strings.Cut(line, "#")
	inner, array := strings.CutPrefix(strings.TrimSpace(line), "[[")
	path := name(strings.Trim(inner, "[] \t"))
	if !array {
		return path
	}
	count[path]++
	return fmt.Sprintf("%s[%d]", path, count[path]-1)
}

// name is a dotted key without quotes and spaces.
func name(key string) string {
	parts := strings.Split(key, ".")
	for i, part := range parts {
		parts[i] = strings.Trim(strings.TrimSpace(part), `"'`)
	}
	return strings.Join(parts, ".")
}
