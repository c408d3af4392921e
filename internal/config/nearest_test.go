package config

import (
	"strings"
	"testing"
)

func TestNearest(t *testing.T) {
	known := []string{"listen", "echo", "idle_timeout", "drain_timeout", "resume", "resume_small"}
	for wrong, want := range map[string]string{
		"lisen": "listen", "lsiten": "listen", "Listen": "listen", "idletimeout": "idle_timeout", "drain_time": "drain_timeout",
		"resum": "resume", "resumesmall": "resume_small", "port": "", "x": "", "": "", strings.Repeat("listen", 20): "",
	} {
		if got := Nearest(wrong, known); got != want {
			t.Errorf("Nearest(%q) = %q, want %q", wrong, got, want)
		}
	}
}

func TestDistance(t *testing.T) {
	for _, test := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"abc", "abc", 0}, {"abc", "", 3}, {"", "ab", 2}, {"abc", "acb", 1}, {"abc", "abd", 1}, {"abc", "xabc", 1}, {"kitten", "sitting", 3}} {
		if got := distance(test.a, test.b); got != test.want {
			t.Errorf("distance(%q, %q) = %d, want %d", test.a, test.b, got, test.want)
		}
	}
}
