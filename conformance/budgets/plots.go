package budgets

import (
	"fmt"
	"image/color"
	"math"
	"path/filepath"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// Size of a drawing.
const (
	drawingWidth  = 7 * vg.Inch
	drawingHeight = 4.5 * vg.Inch
)

// palette can be told apart by the colour-blind.
var palette = []color.Color{
	color.RGBA{0x00, 0x72, 0xb2, 0xff}, color.RGBA{0xd5, 0x5e, 0x00, 0xff},
	color.RGBA{0x00, 0x9e, 0x73, 0xff}, color.RGBA{0x55, 0x55, 0x55, 0xff},
}

// A curve is one line of a drawing; those with a colour in common belong together.
type curve struct {
	name   string
	color  int
	dashed bool
	points plotter.XYs
}

func (c *curve) add(x, y float64) {
	if x > 0 && y > 0 { // a logarithm has no place for others
		c.points = append(c.points, plotter.XY{X: x, Y: y})
	}
}

// Draw writes the drawings for which there are figures into a folder, and returns their names.
func (f *Figures) Draw(dir string) (names []string, err error) {
	for _, d := range []struct {
		name, title, x, y string
		curves            []curve
	}{
		{"throughput", "Requests a second by clients", "clients at once", "requests a second", f.throughput()},
		{"latency", "Time of a request by clients (dashed: p99)", "clients at once", "µs", f.latency()},
		{"memory", "Memory of an idle session by how many there are", "sessions", "bytes of RSS", f.idle()},
		{"payload", "Processor time of a POST by its body, both ends", "bytes", "µs", f.payloads()},
	} {
		if !drawable(d.curves) {
			continue
		}
		file := filepath.Join(dir, d.name+".svg")
		if err := drawCurves(file, d.title, d.x, d.y, d.curves); err != nil {
			return names, fmt.Errorf("budgets: %s: %w", file, err)
		}
		names = append(names, file)
	}
	return names, nil
}

func drawable(curves []curve) bool {
	for _, c := range curves {
		if len(c.points) > 0 {
			return true
		}
	}
	return false
}

func drawCurves(file, title, x, y string, curves []curve) error {
	p := plot.New()
	p.Title.Text, p.X.Label.Text, p.Y.Label.Text = title, x, y
	p.X.Scale, p.Y.Scale = plot.LogScale{}, plot.LogScale{}
	p.X.Tick.Marker, p.Y.Tick.Marker = plot.TickerFunc(ticks), plot.TickerFunc(ticks)
	p.Add(plotter.NewGrid())
	p.Legend.Top, p.Legend.XOffs, p.Legend.Padding = true, -vg.Points(6), vg.Points(2)
	for _, c := range curves {
		if len(c.points) == 0 {
			continue
		}
		line, dots, err := plotter.NewLinePoints(c.points)
		if err != nil {
			return err
		}
		line.Color, dots.Color = palette[c.color], palette[c.color]
		line.Width, dots.Shape, dots.Radius = vg.Points(1.5), draw.CircleGlyph{}, vg.Points(2.5)
		if c.dashed {
			line.Dashes = []vg.Length{vg.Points(4), vg.Points(2)}
		}
		p.Add(line, dots)
		p.Legend.Add(c.name, line, dots)
	}
	// The legend stands above the curves, not on them.
	p.X.Min, p.X.Max = p.X.Min/1.2, p.X.Max*1.2
	p.Y.Min, p.Y.Max = p.Y.Min/1.5, p.Y.Max*math.Pow(p.Y.Max/p.Y.Min, 0.1*float64(len(curves)))*1.5
	return p.Save(drawingWidth, drawingHeight, file)
}

// ticks marks 1, 2 and 5 of each decade, or 1 only where there are many.
func ticks(low, high float64) []plot.Tick {
	factors := []float64{1, 2, 5}
	if high/low > 1e3 {
		factors = factors[:1]
	}
	var all []plot.Tick
	for decade := math.Pow(10, math.Floor(math.Log10(low))); decade <= high; decade *= 10 {
		for _, factor := range factors {
			if v := factor * decade; v >= low && v <= high {
				all = append(all, plot.Tick{Value: v, Label: label(v)})
			}
		}
	}
	return all
}

func label(v float64) string {
	switch {
	case v >= 1e6:
		return fmt.Sprintf("%g M", v/1e6)
	case v >= 1e4:
		return fmt.Sprintf("%g k", v/1e3)
	}
	return fmt.Sprintf("%g", v)
}
