package interop

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// document has the tables, each between a line that begins and one that ends it.
var document = filepath.Join("..", "..", "docs", "interop.md")

// TestTables compares the tables of docs/interop.md with the tests that there are. Each cell
// is one: TEST/PEER/FEATURE.
func TestTables(t *testing.T) {
	b, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	old := string(b)
	text := old
	plainLane.check(t)
	proxied.check(t)
	upstreams.check(t)
	for test, table := range map[string]string{
		plainLane.test: plainLane.table(), proxied.test: proxied.table(), upstreams.test: upstreams.table(),
	} {
		text = replace(t, text, test, table)
	}
	if strings.Contains(text, "|  |") {
		t.Error("a cell is empty")
	}
	switch {
	case text == old:
	case *update:
		if err := os.WriteFile(document, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	default:
		t.Errorf("%s is not what the tests are: go test ./conformance/interop -run TestTables -update", document)
	}
}

// replace puts a table into its place.
func replace(t *testing.T, text, name, table string) string {
	t.Helper()
	begin, end := "<!-- "+name+" -->\n", "<!-- end of "+name+" -->\n"
	before, rest, found := strings.Cut(text, begin)
	_, after, ended := strings.Cut(rest, end)
	if !found || !ended {
		t.Fatalf("%s has no place for %s", document, name)
	}
	return before + begin + table + end + after
}

func TestMatrixCheck(t *testing.T) {
	run := func(int, *testing.T, client) {}
	m := matrix[int]{test: "TestX", peers: []peer{{name: "a", title: "A"}, {name: "b", title: "B"}}, features: []feature[int]{
		{name: "one", title: "one thing", run: run},
		{name: "two", title: "another", run: run, variants: map[string]variant[int]{"b": {lacks: true, note: "It has none.", run: run}}},
	}}
	m.check(t)
	want := "| feature | test | A | B |\n|---|---|---|---|\n| one thing | `one` | yes | yes |\n| another | `two` | yes | no (1) |\n\n1. It has none.\n"
	if got := m.table(); got != want {
		t.Errorf("table:\n%s", got)
	}
}
