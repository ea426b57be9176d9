package report

import (
	"errors"
	"image"
	"image/color"
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
)

// A Curve is a quantity over the steps of a run.
type Curve struct {
	Title  string
	YLabel string
	Step   []float64 // increasing
	Value  []float64 // as long as Step
}

// Draw draws the values as a thin line under their running mean (see [Smooth]), over a span of a fiftieth of the points.
//
// The vertical axis is logarithmic where all values are positive and the running mean spans a factor of 20 or more. Points that are not
// finite are left out; it is an error when none is left, or when the lengths differ.
func (c Curve) Draw() (image.Image, error) {
	if len(c.Step) != len(c.Value) {
		return nil, errors.New("report: a curve needs as many values as steps")
	}
	raw := finitePoints(c.Step, c.Value)
	if len(raw) == 0 {
		return nil, errors.New("report: a curve needs at least one finite value")
	}
	mean := append(plotter.XYs(nil), raw...)
	values := make([]float64, len(raw))
	for i := range raw {
		values[i] = raw[i].Y
	}
	for i, v := range Smooth(values, len(raw)/100) {
		mean[i].Y = v
	}

	p := newPlot(c.Title, "step", c.YLabel)
	p.X.Tick.Marker = ticker{counts: true}
	p.Y.Tick.Marker = ticker{}
	logarithmic := lowest(raw) > 0 && highest(mean) >= 20*lowest(mean)
	if logarithmic {
		toLog10(raw)
		toLog10(mean)
		p.Y.Tick.Marker = log10Ticker{}
	}
	p.Add(gridLines())
	if err := addLine(p, raw, faint(blue), vg.Points(.8)); err != nil {
		return nil, err
	}
	if err := addLine(p, mean, blue, vg.Points(2)); err != nil {
		return nil, err
	}
	frame(p, raw, mean, logarithmic)
	return render(p, 8*vg.Inch, 4.5*vg.Inch), nil
}

// frame chooses the ranges: the running mean fills the picture, single steps may leave it at the top.
// A linear axis starts at 0 unless all values are far from it.
func frame(p *plot.Plot, raw, mean plotter.XYs, logarithmic bool) {
	p.X.Min, p.X.Max = 0, max(1, raw[len(raw)-1].X)
	lo, hi := lowest(raw), highest(mean)
	margin := .05 * (hi - lo)
	if !(margin > 0) {
		margin = max(1, math.Abs(hi)) / 10
	}
	p.Y.Min, p.Y.Max = lo-margin, hi+margin
	if !logarithmic && lo >= 0 && lo < .5*hi {
		p.Y.Min = 0
	}
}

func lowest(xy plotter.XYs) float64 {
	lo := math.Inf(1)
	for _, q := range xy {
		lo = min(lo, q.Y)
	}
	return lo
}

func highest(xy plotter.XYs) float64 {
	hi := math.Inf(-1)
	for _, q := range xy {
		hi = max(hi, q.Y)
	}
	return hi
}

func toLog10(xy plotter.XYs) {
	for i := range xy {
		xy[i].Y = math.Log10(xy[i].Y)
	}
}

// Smooth returns the running mean of x, each over its neighbours up to half places away, fewer towards the ends on both sides alike.
//
//	y[i] = mean(x[i-h], ..., x[i+h]),  h = min(half, i, n-1-i)
func Smooth(x []float64, half int) []float64 {
	y := make([]float64, len(x))
	sum := make([]float64, len(x)+1)
	for i, v := range x {
		sum[i+1] = sum[i] + v
	}
	for i := range x {
		h := max(0, min(half, i, len(x)-1-i))
		y[i] = (sum[i+h+1] - sum[i-h]) / float64(2*h+1)
		if h == 0 {
			y[i] = x[i]
		}
	}
	return y
}

func finitePoints(x, y []float64) plotter.XYs {
	var xy plotter.XYs
	for i := range x {
		if finite(x[i]) && finite(y[i]) {
			xy = append(xy, plotter.XY{X: x[i], Y: y[i]})
		}
	}
	return xy
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

func faint(c color.NRGBA) color.NRGBA { c.A = 90; return c }
