package budgets

import (
	"os"
	"strings"
	"testing"
)

// There is a drawing of each kind, with the curves named in it, and none without figures.
func TestDraw(t *testing.T) {
	dir := good(t)
	f, err := Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	names, err := f.Draw(dir)
	if err != nil || len(names) != 4 {
		t.Fatal(names, err)
	}
	for i, want := range [][]string{
		{"raw UDP of the same sizes", "pqcoap GET", "go-coap over pion/dtls"}, {"pqcoap GET, p99", "raw UDP, p99"},
		{"600 B a session", "pqcoap server"}, {"go-coap over pion/dtls"},
	} {
		b, err := os.ReadFile(names[i])
		for _, text := range want {
			if err != nil || !strings.Contains(string(b), text) {
				t.Errorf("%s has no %q, %v", names[i], text, err)
			}
		}
	}
	empty, err := Read(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if names, err := empty.Draw(t.TempDir()); err != nil || len(names) > 0 {
		t.Error("drawings of nothing", names, err)
	}
	if _, err := f.Draw("/does/not/exist"); err == nil {
		t.Error("drawings in a folder that there is not")
	}
}

func TestTicks(t *testing.T) {
	labels := func(low, high float64) string {
		var all []string
		for _, tick := range ticks(low, high) {
			all = append(all, tick.Label)
		}
		return strings.Join(all, " ")
	}
	if got := labels(0.9, 30); got != "1 2 5 10 20" {
		t.Error(got)
	}
	if got := labels(100, 2e6); got != "100 1000 10 k 100 k 1 M" {
		t.Error(got)
	}
}
