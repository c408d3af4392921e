package conformance

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const (
	maxFileLines     = 300
	maxFunctionLines = 80
)

// A source is one Go file, whatever system it is for.
type source struct {
	name   string // relative to the module
	pkg    string // its folder
	fset   *token.FileSet
	syntax *ast.File
}

func parseSource(name string, src any, path string) (source, error) {
	fset := token.NewFileSet()
	syntax, err := parser.ParseFile(fset, path, src, parser.SkipObjectResolution)
	return source{name, filepath.ToSlash(filepath.Dir(name)), fset, syntax}, err
}

// sources returns every Go file of the module.
func sources(t *testing.T) []source {
	t.Helper()
	var files []source
	const root = ".."
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		base := entry.Name()
		if entry.IsDir() && path != root && (base == "testdata" || strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_")) {
			return filepath.SkipDir
		}
		if entry.IsDir() || !strings.HasSuffix(base, ".go") {
			return nil
		}
		name, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		file, err := parseSource(name, nil, path)
		files = append(files, file)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func (s source) isTest() bool { return strings.HasSuffix(s.name, "_test.go") }

func (s source) imports() []string {
	var paths []string
	for _, spec := range s.syntax.Imports {
		path, _ := strconv.Unquote(spec.Path.Value) // the parser has checked it
		paths = append(paths, path)
	}
	return paths
}

// line returns the line where a node of the file stands.
func (s source) line(pos token.Pos) int { return s.fset.Position(pos).Line }

// tooLong returns what of a file passes the limits of length.
func tooLong(s source) []string {
	var found []string
	if lines := s.line(s.syntax.FileEnd - 1); lines > maxFileLines {
		found = append(found, fmt.Sprintf("%s has %d lines, more than %d", s.name, lines, maxFileLines))
	}
	for _, decl := range s.syntax.Decls {
		f, ok := decl.(*ast.FuncDecl)
		if !ok {
			continue
		}
		if lines := s.line(f.End()) - s.line(f.Pos()) + 1; lines > maxFunctionLines {
			found = append(found, fmt.Sprintf("%s: %s has %d lines, more than %d", s.name, f.Name.Name, lines, maxFunctionLines))
		}
	}
	return found
}

// clock is what of package time reads the clock or waits for it.
var clock = []string{"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "Tick", "NewTimer", "NewTicker"}

// timeName returns the name under which the file imports package time, or "".
func (s source) timeName() string {
	for _, spec := range s.syntax.Imports {
		if spec.Path.Value != `"time"` {
			continue
		}
		if spec.Name != nil {
			return spec.Name.Name
		}
		return "time"
	}
	return ""
}

// impurities returns where a file starts goroutines, reads the clock or waits.
func impurities(s source) []string {
	var found []string
	timeName := s.timeName()
	if timeName == "." {
		return []string{s.name + " imports time with a dot, which hides its use"}
	}
	ast.Inspect(s.syntax, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.GoStmt:
			found = append(found, fmt.Sprintf("%s:%d starts a goroutine", s.name, s.line(n.Pos())))
		case *ast.SelectorExpr:
			x, ok := n.X.(*ast.Ident)
			if ok && timeName != "" && x.Name == timeName && slices.Contains(clock, n.Sel.Name) {
				found = append(found, fmt.Sprintf("%s:%d uses time.%s", s.name, s.line(n.Pos()), n.Sel.Name))
			}
		}
		return true
	})
	return found
}

func TestLengths(t *testing.T) {
	for _, s := range sources(t) {
		if s.isTest() {
			continue
		}
		for _, v := range tooLong(s) {
			t.Error(v)
		}
	}
}

func TestPurity(t *testing.T) {
	for _, s := range sources(t) {
		if s.isTest() || !pure(s.pkg) {
			continue
		}
		for _, v := range impurities(s) {
			t.Error(v)
		}
	}
}

// The rules would hold for nothing at all where no file is found.
func TestSourcesAreFound(t *testing.T) {
	var names []string
	for _, s := range sources(t) {
		names = append(names, filepath.ToSlash(s.name))
	}
	for _, want := range []string{"conformance/source_test.go", "conformance/simnet/network.go"} {
		if !slices.Contains(names, want) {
			t.Errorf("%s is not among %d files", want, len(names))
		}
	}
}

// parsed parses a made-up file.
func parsed(t *testing.T, src string) source {
	t.Helper()
	s, err := parseSource("coap/made_up.go", src, "made_up.go")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestTooLong(t *testing.T) {
	function := func(lines int) string { return "func f() {\n" + strings.Repeat("\n", lines-2) + "}\n" }
	tests := map[string]struct {
		src  string
		want int
	}{
		"function of 80": {"package p\n" + function(80), 0},
		"function of 81": {"package p\n" + function(81), 1},
		"method of 81":   {"package p\ntype T int\n" + strings.Replace(function(81), "func", "func (T)", 1), 1},
		"file of 300":    {"package p\n" + strings.Repeat("\n", 299), 0},
		"file of 301":    {"package p\n" + strings.Repeat("\n", 300), 1},
		"both":           {"package p\n" + function(300), 2},
	}
	for name, test := range tests {
		if got := tooLong(parsed(t, test.src)); len(got) != test.want {
			t.Errorf("%s: found %q, want %d", name, got, test.want)
		}
	}
}

func TestImpurities(t *testing.T) {
	tests := map[string]int{
		`import "time"; var x = time.Second`:                               0,
		`import "time"; func f(now time.Time) { _ = now.Sub(now) }`:        0,
		`import "time"; func f() { _ = time.Now() }`:                       1,
		`import "time"; var now = time.Now`:                                1,
		`import "time"; func f(t time.Time) { time.Sleep(time.Until(t)) }`: 2,
		`import t "time"; func f() { <-t.After(0) }`:                       1,
		`import . "time"; func f() { Sleep(0) }`:                           1,
		`func f() { go f() }`:                                              1,
		`type t struct{ Now int }; func f(time t) { _ = time.Now }`:        0,
	}
	for src, want := range tests {
		if got := impurities(parsed(t, "package p; "+src)); len(got) != want {
			t.Errorf("%s: found %q, want %d", src, got, want)
		}
	}
}
