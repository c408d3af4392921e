package conformance

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", filepath.FromSlash(path)))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// testNames are all tests and fuzz targets of the module: by name, the folders that have one.
func testNames(t *testing.T) map[string][]string {
	t.Helper()
	function := regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)\(`)
	names := map[string][]string{}
	err := filepath.WalkDir("..", func(path string, _ os.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		b, err := os.ReadFile(path)
		folder := strings.TrimPrefix(filepath.ToSlash(filepath.Dir(path)), "../")
		for _, m := range function.FindAllSubmatch(b, -1) {
			names[string(m[1])] = append(names[string(m[1])], folder)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// TestThreatModelNamesTests: each test that the threat model names exists, with its folder where
// there are several of the name, and each row of what is protected names one or a query of the model.
func TestThreatModelNamesTests(t *testing.T) {
	text := read(t, "docs/threat-model.md")
	names, model := testNames(t), read(t, "docs/model/README.md")
	quoted := regexp.MustCompile("`(?:([a-z/]+)\\.)?((?:Test|Fuzz)\\w+)`")
	for _, m := range quoted.FindAllStringSubmatch(text, -1) {
		switch folders := names[m[2]]; {
		case len(folders) == 0, m[1] != "" && !slices.Contains(folders, m[1]):
			t.Errorf("the threat model names %s, which does not exist", m[0])
		case m[1] == "" && len(folders) > 1:
			t.Errorf("the threat model names %s without its folder, one of %v", m[0], folders)
		}
	}
	query := regexp.MustCompile(`model ((?:[A-Z]\d+(?: to )? ?)+|identity)`)
	for _, m := range query.FindAllStringSubmatch(text, -1) {
		for _, id := range strings.Fields(strings.ReplaceAll(m[1], "to", " ")) {
			if !strings.Contains(model, id) {
				t.Errorf("the threat model names query %s, which docs/model does not have", id)
			}
		}
	}
	for _, row := range protectedRows(t, text) {
		if !quoted.MatchString(row) && !query.MatchString(row) {
			t.Errorf("shown by nothing: %s", row)
		}
	}
}

// protectedRows are the rows of the table "Protected".
func protectedRows(t *testing.T, text string) []string {
	t.Helper()
	_, section, ok := strings.Cut(text, "## Protected\n")
	if !ok {
		t.Fatal("no section Protected")
	}
	section, _, _ = strings.Cut(section, "\n## ")
	var rows []string
	for line := range strings.Lines(section) {
		if strings.HasPrefix(line, "|") {
			rows = append(rows, strings.TrimSpace(line))
		}
	}
	if len(rows) < 12 {
		t.Fatalf("%d rows, the table is not read as it is", len(rows))
	}
	return rows[2:]
}

// TestLinks: relative links of the documents lead somewhere.
func TestLinks(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)#:]+)[)#]`)
	files, err := filepath.Glob("../*.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, pattern := range []string{"../docs/*.md", "../docs/guides/*.md"} {
		more, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, more...)
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range link.FindAllSubmatch(b, -1) {
			if _, err := os.Stat(filepath.Join(filepath.Dir(file), string(m[1]))); err != nil {
				t.Errorf("%s links to %s: %v", file, m[1], err)
			}
		}
	}
}

// TestReadmeExamples: each line of the README's Go is in an Example, so that it compiles.
func TestReadmeExamples(t *testing.T) {
	block := regexp.MustCompile("(?s)```go\n(.*?)```")
	blocks := block.FindAllStringSubmatch(read(t, "README.md"), -1)
	if len(blocks) != 2 {
		t.Fatalf("%d blocks of Go, want one for each side", len(blocks))
	}
	for i, example := range []string{"node/example_test.go", "server/example_test.go"} {
		code := read(t, example)
		for line := range strings.Lines(blocks[i][1]) {
			if line = strings.TrimSpace(line); line != "" && !strings.Contains(code, line) {
				t.Errorf("%s does not have the README's line %q", example, line)
			}
		}
	}
}
