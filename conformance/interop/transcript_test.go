package interop

import (
	"bytes"
	"context"
	"fmt"
	"regexp"
	"sync"
	"testing"
	"time"
)

// A transcript is what a process has printed so far.
type transcript struct {
	mu    sync.Mutex
	text  []byte
	ended bool
	more  chan struct{} // closed when there is more, or no more to come
}

func newTranscript() *transcript { return &transcript{more: make(chan struct{})} }

func (l *transcript) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text = append(l.text, p...)
	close(l.more)
	l.more = make(chan struct{})
	return len(p), nil
}

// end says that nothing more will come.
func (l *transcript) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ended = true
	close(l.more)
	l.more = make(chan struct{})
}

func (l *transcript) now() (text []byte, ended bool, more chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return bytes.Clone(l.text), l.ended, l.more
}

func (l *transcript) String() string {
	text, _, _ := l.now()
	return string(text)
}

// await waits until the text matches, and returns the groups of the first match.
func (l *transcript) await(ctx context.Context, re *regexp.Regexp) ([]string, error) {
	for {
		text, ended, more := l.now()
		if m := re.FindSubmatch(text); m != nil {
			groups := make([]string, len(m))
			for i, g := range m {
				groups[i] = string(g)
			}
			return groups, nil
		}
		if ended {
			return nil, fmt.Errorf("it ended and never printed %v", re)
		}
		select {
		case <-more:
		case <-ctx.Done():
			return nil, fmt.Errorf("it does not print %v: %w", re, ctx.Err())
		}
	}
}

func TestTranscript(t *testing.T) {
	l := newTranscript()
	port := regexp.MustCompile(`port (\d+)\n`)
	go func() {
		for _, part := range []string{"starting\npo", "rt 12", "34\nmore\n"} {
			l.Write([]byte(part))
		}
	}()
	if m, err := l.await(t.Context(), port); err != nil || m[1] != "1234" {
		t.Errorf("%q, %v", m, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if m, err := l.await(ctx, regexp.MustCompile("never")); err == nil {
		t.Errorf("found %q", m)
	}
	l.end()
	if m, err := l.await(t.Context(), regexp.MustCompile("never")); err == nil {
		t.Errorf("found %q", m)
	}
}
