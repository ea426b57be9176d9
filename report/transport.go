package report

import (
	"errors"
	"fmt"
	"image"
	"image/color"
	"math"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// A Transport is a plan between two clouds of points on a line or in the plane.
type Transport struct {
	Title string
	Dim   int       // 1 or 2
	X, Y  []float64 // row-major
	A, B  []float64 // weights, nil for uniform
	Links []Link    // the pairs to draw
}

// A Link is a pair of points, row I of X and row J of Y, between which mass P moves.
type Link struct {
	I, J int
	P    float64
}

// Points beyond mostPoints of a cloud, taken at equal steps, are not drawn: they would hide each other.
const mostPoints = 20000

// largestCoordinate keeps lengths within the range of numbers.
const largestCoordinate = 1e150

// Draw draws points with areas in proportion to their weights, X in blue and Y in orange, over a line for each link, the darker the more
// mass moves along it. Points without weight are rings. On a line X is above and Y below.
//
// It is an error when the dimension is not 1 or 2, when a coordinate is not finite or beyond 1e150, when a weight or a mass is negative or
// not finite, when lengths differ, or when a cloud is empty.
func (t Transport) Draw() (image.Image, error) {
	if err := t.check(); err != nil {
		return nil, err
	}
	if t.Dim == 1 {
		return t.drawLine()
	}
	return t.drawPlane()
}

func (t Transport) check() error {
	if t.Dim != 1 && t.Dim != 2 {
		return fmt.Errorf("report: a transport of dimension %d, want 1 or 2", t.Dim)
	}
	for _, side := range []struct{ x, w []float64 }{{t.X, t.A}, {t.Y, t.B}} {
		if len(side.x) == 0 || len(side.x)%t.Dim != 0 || side.w != nil && len(side.w) != len(side.x)/t.Dim {
			return fmt.Errorf("report: %d coordinates and %d weights for points of dimension %d", len(side.x), len(side.w), t.Dim)
		}
		if slices.ContainsFunc(side.x, func(v float64) bool { return !(math.Abs(v) <= largestCoordinate) }) {
			return fmt.Errorf("report: a coordinate of a transport is not a number within %g of 0", largestCoordinate)
		}
		if slices.ContainsFunc(side.w, func(v float64) bool { return !(v >= 0) || !finite(v) }) {
			return errors.New("report: a weight of a transport is negative or not finite")
		}
	}
	for _, l := range t.Links {
		if l.I < 0 || l.J < 0 || l.I >= len(t.X)/t.Dim || l.J >= len(t.Y)/t.Dim || !(l.P >= 0) || !finite(l.P) {
			return fmt.Errorf("report: no link of mass %g from point %d to point %d", l.P, l.I, l.J)
		}
	}
	return nil
}

// drawPlane draws points of the plane with the same unit on both axes.
func (t Transport) drawPlane() (image.Image, error) {
	x, y := planePoints(t.X), planePoints(t.Y)
	p := newPlot(t.Title, "", "")
	x0, x1, y0, y1 := plotter.XYRange(append(slices.Clone(x), y...))
	width, height := widen(&x0, &x1), widen(&y0, &y1)
	// Neither side of the frame is less than half of the other.
	if width < height/2 {
		x0, x1, width = middle(x0, x1, height/2)
	}
	if height < width/2 {
		y0, y1, height = middle(y0, y1, width/2)
	}
	p.X.Min, p.X.Max, p.Y.Min, p.Y.Max = x0, x1, y0, y1
	p.X.Tick.Marker, p.Y.Tick.Marker = ticker{}, ticker{}
	p.Add(gridLines())
	p.Add(&linkLines{x: x, y: y, links: byMass(t.Links)})
	t.addClouds(p, x, y)
	const long = 7 * vg.Inch
	w, h := long, long
	if width > height {
		h = long * vg.Length(height/width)
	} else {
		w = long * vg.Length(width/height)
	}
	return render(p, w+vg.Points(55), h+vg.Points(70)), nil
}

// drawLine draws points of a line, X above Y.
func (t Transport) drawLine() (image.Image, error) {
	above, below := make(plotter.XYs, len(t.X)), make(plotter.XYs, len(t.Y))
	for i, v := range t.X {
		above[i] = plotter.XY{X: v, Y: 1}
	}
	for j, v := range t.Y {
		below[j] = plotter.XY{X: v, Y: 0}
	}
	p := newPlot(t.Title, "", "")
	x0, x1 := min(slices.Min(t.X), slices.Min(t.Y)), max(slices.Max(t.X), slices.Max(t.Y))
	widen(&x0, &x1)
	p.X.Min, p.X.Max, p.Y.Min, p.Y.Max = x0, x1, -.25, 1.25
	p.X.Tick.Marker = ticker{}
	p.HideY()
	grid := gridLines()
	grid.Horizontal.Color = nil
	p.Add(grid)
	p.Add(&linkLines{x: above, y: below, links: byMass(t.Links), curved: true})
	t.addClouds(p, above, below)
	return render(p, 8*vg.Inch, 4*vg.Inch), nil
}

// widen adds a twentieth to both ends of a range, or makes one of a point, and returns its length.
func widen(lo, hi *float64) float64 {
	margin := (*hi - *lo) / 20
	if margin == 0 {
		margin = max(1, math.Abs(*lo)) / 2
	}
	*lo, *hi = *lo-margin, *hi+margin
	return *hi - *lo
}

// middle returns the range of that length about the middle of another.
func middle(lo, hi, length float64) (float64, float64, float64) {
	c := lo/2 + hi/2
	return c - length/2, c + length/2, length
}

func planePoints(v []float64) plotter.XYs {
	xy := make(plotter.XYs, len(v)/2)
	for i := range xy {
		xy[i] = plotter.XY{X: v[2*i], Y: v[2*i+1]}
	}
	return xy
}

// byMass returns the links with the largest last, so that they lie on top.
func byMass(links []Link) []Link {
	out := slices.Clone(links)
	slices.SortStableFunc(out, func(p, q Link) int {
		switch {
		case p.P < q.P:
			return -1
		case p.P > q.P:
			return 1
		}
		return 0
	})
	return out
}

// addClouds adds the points and their names.
func (t Transport) addClouds(p *plot.Plot, x, y plotter.XYs) {
	var names [2]string
	var marks [2]*dots
	for k, c := range []struct {
		name string
		xy   plotter.XYs
		w    []float64
		c    color.NRGBA
	}{{"Y", y, t.B, orange}, {"X", x, t.A, blue}} {
		d := newDots(c.xy, c.w, c.c)
		p.Add(d)
		name := fmt.Sprintf("%s, %d points", c.name, len(c.xy))
		if d.step > 1 {
			name += fmt.Sprintf(", one in %d drawn", d.step)
		}
		if len(c.xy) == 1 {
			name = c.name + ", 1 point"
		}
		names[k] = name
		marks[k] = d
	}
	for k := range names { // X first, though Y lies under it
		p.Legend.Add(names[1-k], marks[1-k])
	}
	p.Legend.Top = true
	p.Legend.Left = false
	p.Legend.YOffs = vg.Points(2)
}

// dots draws discs with areas in proportion to weights.
type dots struct {
	xy   plotter.XYs
	w    []float64 // over their mean; nil for 1
	c    color.NRGBA
	size vg.Length // radius at weight 1
	step int
}

func newDots(xy plotter.XYs, w []float64, c color.NRGBA) *dots {
	d := &dots{xy: xy, c: c, step: (len(xy) + mostPoints - 1) / mostPoints}
	n := float64(len(xy) / d.step)
	d.size = vg.Points(max(1, min(5, 70/math.Sqrt(n))))
	d.c.A = uint8(max(110, min(235, 4000/math.Sqrt(n))))
	if mean := sum(w) / float64(len(xy)); mean > 0 {
		d.w = make([]float64, len(w))
		for i, v := range w {
			d.w[i] = v / mean
		}
	}
	return d
}

func sum(v []float64) (s float64) {
	for _, x := range v {
		s += x
	}
	return s
}

// Plot implements [plot.Plotter].
func (d *dots) Plot(c draw.Canvas, p *plot.Plot) {
	const largest = 5 // radii of the mean weight
	tx, ty := p.Transforms(&c)
	for i := 0; i < len(d.xy); i += d.step {
		at := vg.Point{X: tx(d.xy[i].X), Y: ty(d.xy[i].Y)}
		r := d.size
		if d.w != nil {
			r *= vg.Length(min(largest, math.Sqrt(d.w[i])))
		}
		if d.w != nil && d.w[i] == 0 {
			c.DrawGlyph(draw.GlyphStyle{Color: d.c, Radius: max(vg.Points(1), d.size*.7), Shape: draw.RingGlyph{}}, at)
			continue
		}
		c.DrawGlyph(draw.GlyphStyle{Color: d.c, Radius: max(vg.Points(.5), r), Shape: draw.CircleGlyph{}}, at)
	}
}

// Thumbnail implements [plot.Thumbnailer].
func (d *dots) Thumbnail(c *draw.Canvas) {
	full := d.c
	full.A = 255
	c.DrawGlyph(draw.GlyphStyle{Color: full, Radius: vg.Points(4), Shape: draw.CircleGlyph{}}, c.Center())
}

// linkLines draws links in the order that they have.
type linkLines struct {
	x, y   plotter.XYs
	links  []Link
	curved bool // leave and arrive upright
}

// Plot implements [plot.Plotter].
func (l *linkLines) Plot(c draw.Canvas, p *plot.Plot) {
	if len(l.links) == 0 {
		return
	}
	most := l.links[len(l.links)-1].P
	var ink float64
	for _, link := range l.links {
		ink += share(link.P, most)
	}
	opacity := min(.85, 6/math.Sqrt(ink))
	tx, ty := p.Transforms(&c)
	c.SetLineDash(nil, 0)
	c.SetLineWidth(vg.Points(max(.5, min(1.2, 20/math.Sqrt(float64(len(l.links)))))))
	for _, link := range l.links {
		shade := dark
		shade.A = uint8(255 * opacity * share(link.P, most))
		if shade.A == 0 {
			continue
		}
		from := vg.Point{X: tx(l.x[link.I].X), Y: ty(l.x[link.I].Y)}
		to := vg.Point{X: tx(l.y[link.J].X), Y: ty(l.y[link.J].Y)}
		var path vg.Path
		path.Move(from)
		if half := (from.Y + to.Y) / 2; l.curved {
			path.CubeTo(vg.Point{X: from.X, Y: half}, vg.Point{X: to.X, Y: half}, to)
		} else {
			path.Line(to)
		}
		c.SetColor(shade)
		c.Stroke(path)
	}
}

// share returns the root of p over the largest, 1 where all are 0.
func share(p, most float64) float64 {
	if most == 0 {
		return 1
	}
	return math.Sqrt(p / most)
}
