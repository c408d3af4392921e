package config

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"
)

// maxProblems bounds what is said of one file.
const maxProblems = 50

// Decode reads the text of a file into v, a pointer to a struct with toml tags. What the file does
// not say stays as it is. Unknown keys, wrong types and values out of range are Problems, all of
// them at once, and v is as it was.
func (f *File) Decode(text []byte, v any) (Lines, error) {
	lines := scan(text)
	var all map[string]any
	if err := toml.Unmarshal(text, &all); err != nil {
		var at toml.ParseError
		line := 0
		if errors.As(err, &at) {
			line = at.Position.Line
		}
		return lines, Problems{{Line: line, Text: "not TOML"}}
	}
	c := checker{lines: lines}
	c.file(f, all)
	if len(c.found) > 0 {
		slices.SortStableFunc(c.found, func(a, b Problem) int { return cmp.Compare(a.Line, b.Line) })
		return lines, c.found
	}
	return lines, toml.Unmarshal(text, v)
}

// A checker holds a file against its table.
type checker struct {
	lines Lines
	found Problems
}

// add notes a problem of the key at path.
func (c *checker) add(path, format string, args ...any) {
	if len(c.found) < maxProblems {
		c.found = append(c.found, c.lines.problem(path, fmt.Errorf(format, args...)))
	}
}

func (c *checker) file(f *File, all map[string]any) {
	known := namesOf(f.Keys)
	for i := range f.Tables {
		known = append(known, f.Tables[i].Name)
	}
	for _, name := range sorted(all) {
		if t := f.Table(name); t != nil {
			c.table(t, all[name])
		} else if k := f.Key(name); k != nil {
			c.value(k, name, all[name])
		} else {
			c.unknown("", name, known)
		}
	}
}

// table checks all tables of one name.
func (c *checker) table(t *Table, value any) {
	switch value := value.(type) {
	case []map[string]any:
		if t.Form == Array {
			for i, one := range value {
				c.keys(t, fmt.Sprintf("%s[%d]", t.Name, i), one)
			}
			return
		}
	case map[string]any:
		if t.Form == Single {
			c.keys(t, t.Name, value)
			return
		}
		if t.Form == Named {
			for _, name := range sorted(value) {
				c.named(t, name, value[name])
			}
			return
		}
	}
	c.add(t.Name, "%s: want a table that begins with %s", t.Name, t.Header())
}

func (c *checker) named(t *Table, name string, value any) {
	path := t.Name + "." + name
	one, ok := value.(map[string]any)
	switch {
	case !ok:
		c.add(path, "%s: want a table that begins with %s", t.Name, t.Header())
	case !ValidName(name):
		c.add(path, "%s: a name has 1 to 64 letters, digits, \"-\", \"_\", \".\" and \":\"", t.Header())
	default:
		c.keys(t, path, one)
	}
}

// ValidName tells whether the table of Form Named may have a name, which is also that of a device.
func ValidName(name string) bool {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.:"
	return name != "" && len(name) <= 64 && strings.Trim(name, letters) == ""
}

func (c *checker) keys(t *Table, path string, one map[string]any) {
	for _, name := range sorted(one) {
		if k := find(t.Keys, name); k != nil {
			c.value(k, path+"."+name, one[name])
		} else {
			c.unknown(path, name, namesOf(t.Keys))
		}
	}
}

// value checks the type and the range of a value.
func (c *checker) value(k *Key, path string, value any) {
	var ok, right bool
	switch value := value.(type) {
	case string:
		ok, right = k.Kind == Text, k.holds(value)
	case bool:
		ok, right = k.Kind == Bool, true
	case int64:
		ok, right = k.Kind == Int, value >= k.Min && value <= k.Max
	case []any:
		ok, right = k.Kind == Texts, true
		for _, one := range value {
			s, isText := one.(string)
			ok, right = ok && isText, right && k.holds(s)
		}
	}
	switch {
	case !ok:
		c.add(path, "%s has the wrong type: want %s", path, k.want())
	case !right:
		c.add(path, "%s: want %s", path, k.want())
	}
}

// holds tells whether a text is one that the key may have.
func (k *Key) holds(s string) bool {
	if k.OneOf != nil {
		return slices.Contains(k.OneOf, s)
	}
	return int64(len(s)) >= k.Min && (k.Max == 0 || int64(len(s)) <= k.Max)
}

// want says what would be right.
func (k *Key) want() string {
	switch {
	case k.OneOf != nil:
		return `"` + strings.Join(k.OneOf, `" or "`) + `"`
	case k.Kind == Int:
		return strings.TrimSuffix(fmt.Sprintf("a whole number, %d to %d %s", k.Min, k.Max, k.Unit), " ")
	case k.Kind == Bool:
		return k.Kind.String()
	case k.Max > 0:
		return fmt.Sprintf("%v of %d to %d bytes", k.Kind, k.Min, k.Max)
	case k.Kind == Text && k.Min > 0:
		return k.Kind.String() + ", not empty"
	}
	return k.Kind.String()
}

// unknown says which key may have been meant.
func (c *checker) unknown(path, name string, known []string) {
	full := name
	if path != "" {
		full = path + "." + name
	}
	if best := Nearest(name, known); best != "" {
		c.add(full, "unknown key %.40q: did you mean %s?", full, best)
		return
	}
	c.add(full, "unknown key %.40q: the keys are %s", full, strings.Join(known, ", "))
}

func namesOf(keys []Key) []string {
	list := make([]string, len(keys))
	for i := range keys {
		list[i] = keys[i].Name
	}
	return list
}

func sorted(m map[string]any) []string {
	list := make([]string, 0, len(m))
	for name := range m {
		list = append(list, name)
	}
	slices.Sort(list)
	return list
}
