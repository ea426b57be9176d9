package report

import (
	"errors"
	"fmt"
	"image"
	"image/color"
	"math"
	"slices"
	"strconv"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
)

// A Figure is a table of panels under one title, with one legend for all of them.
type Figure struct {
	Title   string
	Columns int // panels a row, at least 1
	Panels  []Panel
}

// A Panel is a pair of axes with curves on them.
type Panel struct {
	Title, XLabel, YLabel string
	LogX, LogY            bool
	YMin, YMax            float64 // range of the vertical axis; that of the data where they are equal
	Series                []Series
}

// A Series is a curve, of points that were measured or of a formula.
//
// Points that are not finite, or not positive on a logarithmic axis, are left out and the curve is interrupted there.
type Series struct {
	Name    string    // in the legend, which shows each name once; "" for none
	X, Y    []float64 // of one length
	Err     []float64 // half lengths of error bars, or nil
	Colour  int       // 0 is dark grey, others are told apart; equal numbers have equal colours and marks
	Formula bool      // drawn dashed and without marks
}

// Dark grey, the colours of Okabe and Ito, and four more.
var palette = []color.NRGBA{dark, blue, orange, {0, 158, 115, 255}, {204, 121, 167, 255}, {230, 159, 0, 255}, {86, 180, 233, 255}, {120, 94, 70, 255},
	{110, 60, 160, 255}, {140, 140, 20, 255}, {150, 150, 150, 255}}

var marks = []draw.GlyphDrawer{draw.CircleGlyph{}, draw.CircleGlyph{}, draw.BoxGlyph{}, draw.PyramidGlyph{}, draw.RingGlyph{}, draw.SquareGlyph{}, draw.TriangleGlyph{}, draw.CrossGlyph{}}

// Draw draws the panels, row by row, with the legend to the right of them.
//
// It is an error when there is no panel, when lengths differ, or when a panel has no point that can be drawn.
func (f Figure) Draw() (image.Image, error) {
	if len(f.Panels) == 0 || f.Columns < 1 {
		return nil, errors.New("report: a figure needs a panel and a positive number of columns")
	}
	columns := min(f.Columns, len(f.Panels))
	rows := (len(f.Panels) + columns - 1) / columns
	legend := newPlot("", "", "").Legend
	legend.Top, legend.Left, legend.ThumbnailWidth, legend.Padding = true, true, vg.Points(26), vg.Points(4)
	tiles := make([][]*plot.Plot, rows)
	for i := range tiles {
		tiles[i] = make([]*plot.Plot, columns)
	}
	named := map[string]bool{}
	for k, panel := range f.Panels {
		p, err := panel.plot(&legend, named)
		if err != nil {
			return nil, fmt.Errorf("report: panel %q: %w", panel.Title, err)
		}
		tiles[k/columns][k%columns] = p
	}

	const titleHeight, margin, gap = 30, 10, 16
	key := legend.Rectangle(draw.Canvas{Rectangle: vg.Rectangle{Max: vg.Point{X: vg.Inch, Y: vg.Inch}}}).Size().X
	if len(named) > 0 {
		key += gap
	}
	w := vg.Length(columns)*3.9*vg.Inch + key + 2*margin
	h := vg.Length(rows)*3.1*vg.Inch + titleHeight + 2*margin
	c := vgimg.NewWith(vgimg.UseWH(w, h), vgimg.UseDPI(96), vgimg.UseBackgroundColor(color.White))
	all := draw.Crop(draw.New(c), margin, -margin, margin, -margin)
	style := newPlot("", "", "").Title.TextStyle
	style.Font.Size, style.XAlign, style.YAlign = 14, draw.XCenter, draw.YTop
	body := draw.Crop(all, 0, -key, 0, -titleHeight)
	all.FillText(style, vg.Point{X: (body.Min.X + body.Max.X) / 2, Y: all.Max.Y}, f.Title)
	for i, line := range plot.Align(tiles, draw.Tiles{Rows: rows, Cols: columns, PadX: gap, PadY: gap}, body) {
		for j, canvas := range line {
			if tiles[i][j] != nil {
				tiles[i][j].Draw(canvas)
			}
		}
	}
	legend.Draw(draw.Crop(all, body.Max.X-all.Min.X+gap, 0, 0, -titleHeight-20))
	return c.Image(), nil
}

// plot draws the curves and enters names that are new into the legend.
func (p Panel) plot(legend *plot.Legend, named map[string]bool) (*plot.Plot, error) {
	out := newPlot(p.Title, p.XLabel, p.YLabel)
	out.Title.TextStyle.Font.Size = 12
	out.X.Tick.Marker, out.Y.Tick.Marker = axisTicks(p.LogX, true), axisTicks(p.LogY, false)
	out.Add(gridLines())
	drawn := 0
	for _, s := range p.ordered() {
		if len(s.X) != len(s.Y) || s.Err != nil && len(s.Err) != len(s.Y) {
			return nil, fmt.Errorf("%q: lengths differ", s.Name)
		}
		key, n, err := p.add(out, s)
		if err != nil {
			return nil, err
		}
		drawn += n
		if s.Name != "" && !named[s.Name] && n > 0 {
			named[s.Name] = true
			legend.Add(s.Name, key...)
		}
	}
	if drawn == 0 {
		return nil, errors.New("no point that can be drawn")
	}
	p.margins(out)
	return out, nil
}

// ordered returns the measured curves and, to be drawn over them, the formulas.
func (p Panel) ordered() []Series {
	out := slices.Clone(p.Series)
	slices.SortStableFunc(out, func(a, b Series) int {
		switch {
		case a.Formula == b.Formula:
			return 0
		case b.Formula:
			return -1
		}
		return 1
	})
	return out
}

// margins widens the ranges a little, so that no mark lies on the frame, and sets that which is asked for.
func (p Panel) margins(out *plot.Plot) {
	for _, a := range []*plot.Axis{&out.X, &out.Y} {
		pad := .03 * (a.Max - a.Min)
		if !(pad > 0) {
			pad = max(1e-3, math.Abs(a.Max)) / 10
		}
		a.Min, a.Max = a.Min-pad, a.Max+pad
	}
	if p.YMin != p.YMax {
		out.Y.Min, out.Y.Max = p.YMin, p.YMax
		if p.LogY {
			out.Y.Min, out.Y.Max = math.Log10(p.YMin), math.Log10(p.YMax)
		}
	}
}

// add draws a curve, and returns what stands for it in the legend and the number of its points.
func (p Panel) add(out *plot.Plot, s Series) (key []plot.Thumbnailer, points int, err error) {
	c := palette[s.Colour%len(palette)]
	for _, run := range p.runs(s) {
		points += len(run.XYs)
		line, err := plotter.NewLine(run)
		if err != nil {
			return nil, 0, err
		}
		line.Color, line.Width = c, vg.Points(1.4)
		if s.Formula {
			line.Width, line.Dashes = vg.Points(1.2), []vg.Length{vg.Points(5), vg.Points(3)}
		}
		out.Add(line)
		key = []plot.Thumbnailer{line}
		if s.Formula {
			continue
		}
		if s.Err != nil {
			bars, err := plotter.NewYErrorBars(run)
			if err != nil {
				return nil, 0, err
			}
			bars.Color, bars.Width, bars.CapWidth = c, vg.Points(1), vg.Points(4)
			out.Add(bars)
		}
		dots, err := plotter.NewScatter(run)
		if err != nil {
			return nil, 0, err
		}
		dots.GlyphStyle = draw.GlyphStyle{Color: c, Radius: vg.Points(2.6), Shape: marks[s.Colour%len(marks)]}
		out.Add(dots)
		key = append(key, dots)
	}
	return key, points, nil
}

// A run is a stretch of a curve without a gap, in the coordinates of the axes.
type run struct {
	plotter.XYs
	plotter.YErrors
}

func (p Panel) runs(s Series) []run {
	var out []run
	open := false
	for i := range s.X {
		x, y, low, high := s.X[i], s.Y[i], 0., 0.
		if s.Err != nil && finite(s.Err[i]) {
			low, high = s.Err[i], s.Err[i]
		}
		if p.LogX {
			x = math.Log10(x)
		}
		if p.LogY {
			low, high = math.Log10(y)-math.Log10(max(y-low, y/10)), math.Log10(y+high)-math.Log10(y)
			y = math.Log10(y)
		}
		if !finite(x) || !finite(y) {
			open = false
			continue
		}
		if !open {
			out, open = append(out, run{}), true
		}
		r := &out[len(out)-1]
		r.XYs = append(r.XYs, plotter.XY{X: x, Y: y})
		r.YErrors = append(r.YErrors, struct{ Low, High float64 }{low, high})
	}
	return slices.Clip(out)
}

func axisTicks(logarithmic, horizontal bool) plot.Ticker {
	if logarithmic {
		return powerTicker{log10Ticker{horizontal}}
	}
	return ticker{}
}

// A powerTicker labels an axis that carries logarithms to base 10 as log10Ticker does, and with powers alone over more than three decades,
// at most six of them.
type powerTicker struct{ few log10Ticker }

func (t powerTicker) Ticks(lo, hi float64) []plot.Tick {
	if hi-lo <= 3 {
		return t.few.Ticks(lo, hi)
	}
	var ticks []plot.Tick
	stride := math.Ceil((hi - lo) / 6)
	for e := math.Ceil(lo/stride) * stride; e <= hi; e += stride {
		ticks = append(ticks, plot.Tick{Value: e, Label: powerLabel(int(e))})
	}
	return ticks
}

// powerLabel writes a power of ten: 0.001 to 1000 in full, others as 1e-6. The font has no raised zero and minus.
func powerLabel(e int) string {
	if e < -3 || e > 3 {
		return "1e" + strconv.Itoa(e)
	}
	return strconv.FormatFloat(math.Pow10(e), 'f', -1, 64)
}
