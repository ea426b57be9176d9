package report

import (
	"errors"
	"fmt"
	"image"
	"image/color"
	"math"

	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// classColours tell ten classes apart; more classes begin again.
var classColours = []color.NRGBA{
	{0, 114, 178, 255}, {213, 94, 0, 255}, {0, 158, 115, 255}, {204, 121, 167, 255}, {230, 159, 0, 255},
	{86, 180, 233, 255}, {80, 80, 80, 255}, {148, 80, 30, 255}, {110, 60, 160, 255}, {150, 160, 0, 255},
}

// Classes draws rows of points, d numbers each, coloured by their class; class nil means one colour. Of more than two dimensions it shows the
// first two principal components, and says so in the title. It is an error when a number is not finite or there are no rows.
func Classes(title string, points []float32, d int, class []int) (image.Image, error) {
	n := len(points) / max(d, 1)
	if n == 0 || d < 1 || len(points) != n*d || class != nil && len(class) != n {
		return nil, fmt.Errorf("report: %d numbers in rows of %d with %d classes cannot be drawn", len(points), d, len(class))
	}
	xy, share, err := plane(points, n, d)
	if err != nil {
		return nil, err
	}
	if d > 2 {
		title += fmt.Sprintf(": 2 components, %.0f %% of variance", 100*share)
	}
	p := newPlot(title, "", "")
	cx, cy, half := square(xy)
	p.X.Min, p.X.Max, p.Y.Min, p.Y.Max = cx-half, cx+half, cy-half, cy+half
	p.X.Tick.Marker, p.Y.Tick.Marker = ticker{}, ticker{}
	p.Add(gridLines())
	groups := map[int]plotter.XYs{}
	last := 0
	for i, q := range xy {
		c := 0
		if class != nil {
			c = class[i]
		}
		groups[c], last = append(groups[c], q), max(last, c)
	}
	for c := range last + 1 {
		if len(groups[c]) == 0 {
			continue
		}
		s, err := plotter.NewScatter(groups[c])
		if err != nil {
			return nil, err
		}
		s.GlyphStyle = draw.GlyphStyle{Color: classColours[c%len(classColours)], Radius: vg.Points(1.5), Shape: draw.CircleGlyph{}}
		p.Add(s)
		if class != nil && last < 2*len(classColours) {
			key := *s
			key.GlyphStyle.Radius = vg.Points(4)
			p.Legend.Add(fmt.Sprint(c), &key)
		}
	}
	p.Legend.Top = true
	return render(p, 6*vg.Inch, 6.2*vg.Inch), nil
}

// plane returns rows as points of the plane, and the share of their variance that these have.
func plane(points []float32, n, d int) (xy plotter.XYs, share float64, err error) {
	wide := make([]float64, n*max(d, 2))
	for i, v := range points {
		if !finite(float64(v)) {
			return nil, 0, errors.New("report: a number to draw is not finite")
		}
		wide[i/d*max(d, 2)+i%d] = float64(v)
	}
	x := mat.NewDense(n, max(d, 2), wide)
	xy = make(plotter.XYs, n)
	if d > 2 && n > 1 {
		var pc stat.PC
		if !pc.PrincipalComponents(x, nil) {
			return nil, 0, errors.New("report: the rows have no principal components")
		}
		var axes, on mat.Dense
		pc.VectorsTo(&axes)
		var sum float64
		vars := pc.VarsTo(nil)
		for _, v := range vars {
			sum += v
		}
		if sum > 0 {
			share = (vars[0] + vars[1]) / sum
		}
		for k := range 2 { // the sign of an axis is arbitrary: its largest entry is positive
			c := mat.Col(nil, k, &axes)
			largest := 0.
			for _, v := range c {
				if math.Abs(v) > math.Abs(largest) {
					largest = v
				}
			}
			if largest < 0 {
				for j := range c {
					axes.Set(j, k, -c[j])
				}
			}
		}
		on.Mul(x, axes.Slice(0, d, 0, 2))
		x = &on
	}
	for i := range n {
		xy[i] = plotter.XY{X: x.At(i, 0), Y: x.At(i, 1)}
	}
	return xy, share, nil
}
