package config

// Nearest is the name of a list that a wrong one was probably meant to be: by edit distance, with a
// swap of neighbours as one edit, up to a third of the letters. Empty: none is near.
func Nearest(wrong string, names []string) string {
	if len(wrong) > 64 {
		return ""
	}
	best, least := "", max(len(wrong)/3, 1)+1
	for _, name := range names {
		if d := distance(wrong, name); d < least {
			best, least = name, d
		}
	}
	return best
}

// distance is the number of letters to add, remove, change, or swap with the next one.
func distance(a, b string) int {
	var before, last []int
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		before, last, row = last, row, make([]int, len(b)+1)
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			row[j+1] = min(last[j+1]+1, row[j]+1, last[j]+cost)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
	}
	return row[len(b)]
}
