package main

import (
	"os"
	"strings"
	"testing"

	"rsc.io/qr"
)

// Both drawings have the modules of the code: one as spaces between blocks of light, the other in
// black on white.
func TestBlocks(t *testing.T) {
	code, err := qr.Encode("coap+pq://example.com:5688?s=1", qr.M)
	if err != nil {
		t.Fatal(err)
	}
	for _, colours := range []bool{false, true} {
		drawing := blocks(code, colours)
		if strings.Contains(drawing, "\x1b") != colours {
			t.Errorf("colours %v: %q", colours, drawing[:20])
		}
		drawing = strings.NewReplacer(blackOnWhite, "", ownColours, "").Replace(drawing)
		lines := strings.Split(strings.TrimSuffix(drawing, "\n"), "\n")
		for y := -quiet; y < code.Size+quiet; y++ {
			cells := []rune(lines[(y+quiet)/2])
			for x := -quiet; x < code.Size+quiet; x++ {
				cell, upper := cells[x+quiet], (y+quiet)%2 == 0
				drawn := cell == '█' || upper && cell == '▀' || !upper && cell == '▄'
				if (drawn == colours) != code.Black(x, y) {
					t.Fatalf("colours %v: module %d, %d is %q", colours, x, y, cell)
				}
			}
		}
	}
}

func TestTerminal(t *testing.T) {
	f, err := os.Create(t.TempDir() + "/f")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if terminal(f) || terminal(new(strings.Builder)) {
		t.Error("a file is taken for a terminal")
	}
}
