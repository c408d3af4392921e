package interop

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// A peer is a column of a table.
type peer struct {
	name     string // in the names of tests
	title    string
	programs []string // that have to be there
}

// A variant is what one peer does of a feature where it is not what the others do.
type variant[S any] struct {
	lacks bool   // the peer does not offer it, which run shows
	note  string // what was found, or what is different
	run   func(S, *testing.T, client)
}

// A feature is a row of a table, and a test for each peer.
type feature[S any] struct {
	name     string // in the names of tests
	title    string
	run      func(S, *testing.T, client)
	variants map[string]variant[S] // by the name of the peer
}

// A matrix is a table and its tests.
type matrix[S any] struct {
	test     string // the function that runs it
	peers    []peer
	features []feature[S]
}

// run runs all tests of a matrix. A stage is what those of a peer have in common.
func (m matrix[S]) run(t *testing.T, stage func(*testing.T, peer) (S, client)) {
	for _, p := range m.peers {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			for _, program := range p.programs {
				need(t, program)
			}
			s, c := stage(t, p)
			for _, f := range m.features {
				run := f.run
				if v, found := f.variants[p.name]; found && v.run != nil {
					run = v.run
				}
				t.Run(f.name, func(t *testing.T) {
					t.Parallel()
					run(s, t, c)
				})
			}
		})
	}
}

// table is the matrix in Markdown, its notes below it.
func (m matrix[S]) table() string {
	var b strings.Builder
	var notes []string
	b.WriteString("| feature | test |")
	for _, p := range m.peers {
		fmt.Fprintf(&b, " %s |", p.title)
	}
	b.WriteString("\n|---|---|" + strings.Repeat("---|", len(m.peers)) + "\n")
	for _, f := range m.features {
		fmt.Fprintf(&b, "| %s | `%s` |", f.title, f.name)
		for _, p := range m.peers {
			v := f.variants[p.name]
			cell := "yes"
			if v.lacks {
				cell = "no"
			}
			if v.note != "" {
				n := slices.Index(notes, v.note)
				if n < 0 {
					n = len(notes)
					notes = append(notes, v.note)
				}
				cell += fmt.Sprintf(" (%d)", n+1)
			}
			fmt.Fprintf(&b, " %s |", cell)
		}
		b.WriteString("\n")
	}
	for i, note := range notes {
		fmt.Fprintf(&b, "\n%d. %s", i+1, note)
	}
	if len(notes) > 0 {
		b.WriteString("\n")
	}
	return b.String()
}

// check finds what would leave a cell empty, or a test that is never run.
func (m matrix[S]) check(t *testing.T) {
	names := map[string]bool{}
	for _, f := range m.features {
		if f.name == "" || f.title == "" || f.run == nil || names[f.name] {
			t.Errorf("%s: feature %q has no name, title or test of its own", m.test, f.name)
		}
		names[f.name] = true
		for name, v := range f.variants {
			if !slices.ContainsFunc(m.peers, func(p peer) bool { return p.name == name }) {
				t.Errorf("%s: %s: no peer %s", m.test, f.name, name)
			}
			if v.note == "" || v.lacks && v.run == nil {
				t.Errorf("%s: %s: %s lacks it, or does it otherwise, and nothing says or shows how", m.test, f.name, name)
			}
		}
	}
}
