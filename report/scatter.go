package report

import (
	"errors"
	"image"
	"image/color"
	"math"

	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// Scatter draws points of the plane and, over them, samples of a model, in one square frame with the same unit on both axes.
//
// Both hold pairs x, y. The frame is that of the data, or of the samples where there is no data, a tenth wider; samples outside it are not
// drawn but counted in the title. Points that are not finite are left out. It is an error when no finite point is left.
func Scatter(title string, data, samples []float32) (image.Image, error) {
	real, model := pairs(data), pairs(samples)
	within := real
	if len(real) == 0 {
		within = model
	}
	if len(within) == 0 {
		return nil, errors.New("report: a scatter plot needs at least one finite point")
	}
	cx, cy, half := square(within)
	inside := pointsIn(model, cx, cy, half)
	if out := len(samples)/2 - len(inside); out > 0 {
		title += " (" + ticker{}.label(float64(out), 1) + " of " + ticker{}.label(float64(len(samples)/2), 1) + " samples outside)"
	}
	p := newPlot(title, "x", "y")
	p.X.Min, p.X.Max, p.Y.Min, p.Y.Max = cx-half, cx+half, cy-half, cy+half
	p.X.Tick.Marker, p.Y.Tick.Marker = ticker{}, ticker{}
	p.Add(gridLines())
	for _, cloud := range []struct {
		name string
		xy   plotter.XYs
		c    color.NRGBA
	}{{"data", real, blue}, {"samples", inside, orange}} {
		if len(cloud.xy) == 0 {
			continue
		}
		s, err := plotter.NewScatter(cloud.xy)
		if err != nil {
			return nil, err
		}
		cloud.c.A = 150
		s.GlyphStyle = draw.GlyphStyle{Color: cloud.c, Radius: vg.Points(1.5), Shape: draw.CircleGlyph{}}
		p.Add(s)
		key := *s
		key.GlyphStyle.Radius, cloud.c.A = vg.Points(4), 255
		key.GlyphStyle.Color = cloud.c
		p.Legend.Add(cloud.name, &key)
	}
	p.Legend.Top = true
	return render(p, 6*vg.Inch, 6.2*vg.Inch), nil
}

func pairs(v []float32) plotter.XYs {
	var xy plotter.XYs
	for i := 0; i+1 < len(v); i += 2 {
		if x, y := float64(v[i]), float64(v[i+1]); finite(x) && finite(y) {
			xy = append(xy, plotter.XY{X: x, Y: y})
		}
	}
	return xy
}

// square returns the centre and half the side of the square about the points.
func square(xy plotter.XYs) (cx, cy, half float64) {
	x0, x1, y0, y1 := plotter.XYRange(xy)
	half = .55 * max(x1-x0, y1-y0)
	if half == 0 {
		half = max(1, math.Abs(x0), math.Abs(y0))
	}
	return (x0 + x1) / 2, (y0 + y1) / 2, half
}

func pointsIn(xy plotter.XYs, cx, cy, half float64) plotter.XYs {
	var in plotter.XYs
	for _, q := range xy {
		if math.Abs(q.X-cx) <= half && math.Abs(q.Y-cy) <= half {
			in = append(in, q)
		}
	}
	return in
}
