package matrix

import (
	"fmt"
	"image/color"
	"math"
	"time"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
)

// Size of the drawing.
const (
	drawingWidth  = 7 * vg.Inch
	drawingHeight = 4.5 * vg.Inch
)

// margin keeps a curve, and the label of a tick, off the ends of the logarithmic axis.
const margin = 1.1

// curvePoints bounds the points of one curve.
const curvePoints = 250

// palette is for the losses, mild to harsh; it can be told apart by the colour-blind.
var palette = []color.Color{
	color.RGBA{0x00, 0x00, 0x00, 0xff},
	color.RGBA{0x00, 0x72, 0xb2, 0xff},
	color.RGBA{0x00, 0x9e, 0x73, 0xff},
	color.RGBA{0xe6, 0x9f, 0x00, 0xff},
	color.RGBA{0xd5, 0x5e, 0x00, 0xff},
}

// Draw writes completion curves to a file, SVG or PNG by its name: which share of the
// handshakes has ended well over time. Results that differ only in the demand for Echo share a
// colour; with the demand the curve is dashed.
func Draw(file, title string, results []Result) error {
	p := plot.New()
	p.Title.Text = title
	p.X.Label.Text = "time since the call of Dial"
	p.Y.Label.Text = "handshakes done, %"
	p.X.Scale, p.X.Tick.Marker = plot.LogScale{}, plot.TickerFunc(timeTicks)
	p.Add(plotter.NewGrid())
	// The names stand behind their lines, so that a font that is wider than ours runs into the
	// margin and not over the line.
	p.Legend.Left, p.Legend.XOffs, p.Legend.YOffs = true, 0.66*drawingWidth, vg.Points(6)
	colors := make(map[float64]color.Color)
	for i := range results {
		r := &results[i]
		if len(r.Times) == 0 {
			continue // nothing to draw, and a logarithm has no place for it
		}
		if colors[r.Cell.Loss] == nil {
			colors[r.Cell.Loss] = palette[len(colors)%len(palette)]
		}
		line, err := plotter.NewLine(curve(r))
		if err != nil {
			return fmt.Errorf("matrix: curve of %v: %w", r.Cell, err)
		}
		line.StepStyle = plotter.PostStep
		line.Color, line.Width = colors[r.Cell.Loss], vg.Points(1.5)
		if r.Cell.Echo {
			line.Dashes = []vg.Length{vg.Points(4), vg.Points(2)}
		}
		p.Add(line)
		p.Legend.Add(label(r.Cell), line)
	}
	p.Y.Min, p.Y.Max = 0, 100
	if math.IsInf(p.X.Min, 0) { // no curve
		p.X.Min, p.X.Max = 1, 1000
	}
	p.X.Min, p.X.Max = p.X.Min/margin, p.X.Max*margin
	return p.Save(drawingWidth, drawingHeight, file)
}

func label(c Cell) string {
	s := fmt.Sprintf("loss %.4g %%", 100*c.Loss)
	if c.Echo {
		s += ", Echo"
	}
	return s
}

// curve is the share of all handshakes that has ended well, in percent over milliseconds.
func curve(r *Result) plotter.XYs {
	points := plotter.XYs{{X: milliseconds(r.Times[0]), Y: 0}}
	step := max(1, len(r.Times)/curvePoints)
	for i, t := range r.Times {
		if (i+1)%step == 0 || i+1 == len(r.Times) {
			points = append(points, plotter.XY{X: milliseconds(t), Y: 100 * float64(i+1) / float64(r.N())})
		}
	}
	return points
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// timeTicks marks 1, 2 and 5 of each decade, in milliseconds.
func timeTicks(low, high float64) []plot.Tick {
	var ticks []plot.Tick
	for decade := math.Pow(10, math.Floor(math.Log10(low))); decade <= high; decade *= 10 {
		for _, factor := range []float64{1, 2, 5} {
			if v := factor * decade; v >= low && v <= high {
				d := time.Duration(math.Round(v * float64(time.Millisecond)))
				ticks = append(ticks, plot.Tick{Value: v, Label: d.String()})
			}
		}
	}
	return ticks
}
