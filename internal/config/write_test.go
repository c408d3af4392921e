package config

import (
	"os"
	"reflect"
	"strings"
	"testing"
)

// The page is what go generate makes of the table.
func TestMarkdown(t *testing.T) {
	b, err := os.ReadFile("../../docs/configuration.md")
	if err != nil || string(b) != Markdown() {
		t.Errorf("docs/configuration.md is not what the table says: run go generate ./internal/config (%v)", err)
	}
}

// What the tables say is fit to be shown: every key is described, in one cell of a table, and its
// default is in its range.
func TestTables(t *testing.T) {
	for _, f := range []*File{&Server, &Device} {
		all := f.Keys
		for _, table := range f.Tables {
			all = append(all[:len(all):len(all)], table.Keys...)
			if _, err := f.Decode([]byte(table.Example), new(map[string]any)); err != nil {
				t.Errorf("the example of %s: %v", table.Name, err)
			}
		}
		for i := range all {
			k := &all[i]
			if !strings.HasSuffix(k.Doc, ".") || strings.ContainsAny(k.Doc, "|\n") {
				t.Errorf("%s: %q", k.Name, k.Doc)
			}
			switch v := k.Default.(type) {
			case int:
				if k.Kind != Int || int64(v) < k.Min || int64(v) > k.Max {
					t.Errorf("%s: default %d", k.Name, v)
				}
			case string:
				if k.Kind != Text || !k.holds(v) {
					t.Errorf("%s: default %q", k.Name, v)
				}
			case bool:
				if k.Kind != Bool {
					t.Errorf("%s: default %t", k.Name, v)
				}
			case nil:
			default:
				t.Errorf("%s: default %T", k.Name, v)
			}
		}
	}
}

// What the file of init shows is the truth: without the marks of its comments it is a file with
// all keys, which says what an empty one says.
func TestCommented(t *testing.T) {
	text := string(Server.Commented())
	for line := range strings.Lines(text) {
		if len(line) > columns+1 && !strings.Contains(line, " = ") {
			t.Errorf("wider than %d columns: %s", columns, line)
		}
	}
	file, _, _ := strings.Cut(text, "# What the devices of a group")
	var open strings.Builder
	for line := range strings.Lines(file) {
		if body, ok := strings.CutPrefix(line, "# "); ok && (strings.Contains(body, " = ") || strings.HasPrefix(body, "[")) {
			line = body
		}
		open.WriteString(line)
	}
	said, plain := map[string]any{}, map[string]any{}
	if _, err := Server.Decode([]byte(open.String()), &said); err != nil {
		t.Fatal(err)
	}
	if err := Server.Defaults(&plain); err != nil || len(said) != len(Server.Keys)+2 || len(plain) != len(said) { // and [limits], [authority]
		t.Fatalf("%d keys, %d defaults, %v; want %d", len(said), len(plain), err, len(Server.Keys))
	}
	for name, value := range plain {
		if !reflect.DeepEqual(said[name], value) {
			t.Errorf("%s: %v, want %v", name, said[name], value)
		}
	}
	if _, err := Server.Decode([]byte(text), &said); err != nil {
		t.Error(err)
	}
}
