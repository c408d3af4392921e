package main

import (
	"fmt"
	"io"
	"strings"
)

const tableWidth = 80

// writeHead says what is measured, and what the columns are.
func (r *report) writeHead(w io.Writer) {
	fmt.Fprintf(w, "%s %s, %d CPUs; %g ms each way, %d at once, seed %d\n\n",
		r.Go, r.System, r.CPUs, r.DelayMS, r.Parallel, r.Seed)
	for _, s := range r.Stacks {
		fmt.Fprint(w, wrap(fmt.Sprintf("%-12s%s", s.Name, s.About), 12))
	}
	fmt.Fprint(w, "\n", wrap(legend, 0), "\n")
	fmt.Fprintf(w, "%-11s %4s %-9s %17s %6s | %11s | %11s\n", "", "", "", "ms", "", "datagrams", "bytes")
	fmt.Fprintf(w, "%-11s %4s %-9s %5s %5s %5s %6s | %5s %5s | %5s %5s\n",
		"stack", "loss", "until", "p50", "p95", "p99", "failed", "up", "down", "up", "down")
}

const legend = "Every run counts from its beginning, until the client's handshake is complete and until " +
	"it has the whole of its first answer. Failed: not within 60 s, or given up; the percentiles " +
	"take these for endless. Datagrams and bytes of UDP payload are means of what was sent, lost " +
	"or not. A client of QUIC has its last flight still to send when its handshake is complete."

// writeRow writes the lines of one cell, and what went wrong first.
func (c cell) writeRow(w io.Writer) {
	fmt.Fprintf(w, "%-11s %3g%% %-9s %v\n", c.Stack, c.LossPercent, "handshake", c.Handshake)
	fmt.Fprintf(w, "%-11s %4s %-9s %v\n", "", "", "answer", c.Answer)
	if failure := c.Answer.FirstFailure; failure != "" {
		fmt.Fprint(w, wrap("            first failure: "+failure, 14))
	}
}

// String is the part of a row that stands under the columns of figures.
func (s summary) String() string {
	return fmt.Sprintf("%5v %5v %5v %6d | %5.1f %5.1f | %5.0f %5.0f",
		s.P50, s.P95, s.P99, s.Failed, s.DatagramsUp, s.DatagramsDown, s.BytesUp, s.BytesDown)
}

// wrap breaks text after spaces so that it fits the table; lines but the first are indented.
func wrap(text string, indent int) string {
	var b strings.Builder
	for len(text) > tableWidth {
		cut := strings.LastIndexByte(text[:tableWidth+1], ' ')
		if cut <= indent {
			break
		}
		b.WriteString(text[:cut] + "\n")
		text = strings.Repeat(" ", indent) + text[cut+1:]
	}
	return b.String() + text + "\n"
}
