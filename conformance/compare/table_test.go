package main

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/pqcoap/pqcoap/conformance/relay"
)

func TestTableFits(t *testing.T) {
	traffic := relay.Traffic{DatagramsUp: 150, BytesUp: 99999, DatagramsDown: 150, BytesDown: 99999}
	long := phase{nil, 59999 * time.Millisecond, traffic}
	failed := phase{errors.New(strings.Repeat("it went wrong ", 9) + "twice"), time.Minute, traffic}
	samples := make([]sample, 9999)
	for i := range samples {
		samples[i] = sample{long, failed}
	}
	var b strings.Builder
	newReport(settings{stacks: stacks, parallel: 20}).writeHead(&b)
	summarize("pqcoap-post", 0.99, samples).writeRow(&b)
	for line := range strings.Lines(b.String()) {
		if len(strings.TrimSuffix(line, "\n")) > tableWidth {
			t.Errorf("wider than %d: %s", tableWidth, line)
		}
	}
	for _, want := range []string{"pqcoap-post  99% handshake 59999 59999 59999      0 |", "never never never   9999 |", "first failure: it went wrong"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in\n%s", want, b.String())
		}
	}
}

func TestWrap(t *testing.T) {
	tests := map[string]string{
		"short":                         "short\n",
		strings.Repeat("a", 80):         strings.Repeat("a", 80) + "\n",
		strings.Repeat("a", 79) + " b":  strings.Repeat("a", 79) + "\n  b\n",
		strings.Repeat("a", 90):         strings.Repeat("a", 90) + "\n",
		strings.Repeat("ab ", 40) + "c": strings.TrimSpace(strings.Repeat("ab ", 27)[:80]) + "\n  " + strings.Repeat("ab ", 13) + "c\n",
	}
	for text, want := range tests {
		if got := wrap(text, 2); got != want {
			t.Errorf("wrap(%q) = %q, want %q", text, got, want)
		}
	}
}
