package budgets

import (
	"fmt"
	"io"
	"unicode/utf8"
)

// Write writes the table, as wide as it has to be.
func Write(w io.Writer, rows []Row) {
	cells := func(r Row) []string { return []string{r.Figure, r.Ours, r.Budget, r.Verdict, r.Command} }
	head := Row{"figure", "ours", "budget", "", "measured by"}
	widths := make([]int, 5)
	for _, r := range append([]Row{head}, rows...) {
		for i, text := range cells(r) {
			widths[i] = max(widths[i], utf8.RuneCountInString(text))
		}
	}
	for _, r := range append([]Row{head}, rows...) {
		line := cells(r)
		for i, text := range line {
			if i == len(line)-1 {
				fmt.Fprintln(w, text)
				break
			}
			fmt.Fprintf(w, "%-*s  ", widths[i], text)
		}
	}
	fmt.Fprintf(w, "\n%d of %d budgets kept\n", len(rows)-Broken(rows), len(rows))
}

// Broken is how many rows are not kept.
func Broken(rows []Row) (n int) {
	for _, r := range rows {
		if r.Verdict != Pass {
			n++
		}
	}
	return n
}
