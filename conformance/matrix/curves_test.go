package matrix

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

func TestDraw(t *testing.T) {
	results := []Result{
		sample(Cell{Loss: 0.05}, 100, 200, 300),
		sample(Cell{Loss: 0.05, Echo: true}, 200, 400, 0),
		sample(Cell{Loss: 0.4}, 0, 0),
	}
	for name, prefix := range map[string]string{"a.svg": "<?xml", "a.png": "\x89PNG"} {
		file := filepath.Join(t.TempDir(), name)
		if err := Draw(file, "A title", results); err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(file)
		if err != nil || !bytes.HasPrefix(b, []byte(prefix)) {
			t.Errorf("%s begins with %.8q, %v", name, b, err)
		}
		if name == "a.svg" && (!bytes.Contains(b, []byte("loss 5 %, Echo")) || bytes.Contains(b, []byte("loss 40 %"))) {
			t.Errorf("%s has not the curves that there are", name)
		}
	}
	if err := Draw(filepath.Join(t.TempDir(), "a.unknown"), "", results); err == nil {
		t.Error("drew a file of unknown form")
	}
}

// A run in which all handshakes take the same time, or none ends well, can be drawn too.
func TestDrawNarrow(t *testing.T) {
	for _, r := range []Result{sample(Cell{}, 100, 100), sample(Cell{}, 0)} {
		if err := Draw(filepath.Join(t.TempDir(), "a.svg"), "", []Result{r}); err != nil {
			t.Error(err)
		}
	}
}

func TestCurve(t *testing.T) {
	r := sample(Cell{}, 30, 10, 0, 20)
	var got []float64
	for _, p := range curve(&r) {
		got = append(got, p.X, p.Y)
	}
	if want := []float64{10, 0, 10, 25, 20, 50, 30, 75}; !slices.Equal(got, want) {
		t.Errorf("curve %v, want %v", got, want)
	}
	long := Result{Times: make([]time.Duration, 5001)}
	points := curve(&long)
	if last := points[len(points)-1]; len(points) > curvePoints+3 || last.Y != 100 {
		t.Errorf("%d points, the last at %v %%", len(points), last.Y)
	}
}

func TestTimeTicks(t *testing.T) {
	var got []string
	for _, tick := range timeTicks(90, 2500) {
		got = append(got, tick.Label)
	}
	if want := []string{"100ms", "200ms", "500ms", "1s", "2s"}; !slices.Equal(got, want) {
		t.Errorf("ticks %q, want %q", got, want)
	}
}
