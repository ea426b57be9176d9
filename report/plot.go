package report

import (
	"image"
	"image/color"
	"math"
	"strconv"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
)

// Colours that people with any colour vision can tell apart (Okabe and Ito).
var (
	blue   = color.NRGBA{0, 114, 178, 255}
	orange = color.NRGBA{213, 94, 0, 255}
	light  = color.NRGBA{225, 225, 225, 255}
	dark   = color.NRGBA{64, 64, 64, 255}
)

const sans = "Sans"

func newPlot(title, x, y string) *plot.Plot {
	p := plot.New()
	p.Title.Text = title
	p.Title.TextStyle.Font.Size = 13
	p.Title.TextStyle.Font.Variant = sans
	p.Title.Padding = vg.Points(6)
	for _, a := range []*plot.Axis{&p.X, &p.Y} {
		a.Label.TextStyle.Font.Size = 11
		a.Tick.Label.Font.Size = 10
		a.Label.TextStyle.Font.Variant, a.Tick.Label.Font.Variant = sans, sans
		a.Color, a.Tick.Color = dark, dark
		a.Padding = 0
	}
	p.X.Label.Text, p.Y.Label.Text = x, y
	p.Legend.TextStyle.Font.Size = 11
	p.Legend.TextStyle.Font.Variant = sans
	p.Legend.Padding = vg.Points(3)
	return p
}

func gridLines() *plotter.Grid {
	g := plotter.NewGrid()
	g.Vertical.Color, g.Horizontal.Color = light, light
	return g
}

func addLine(p *plot.Plot, xy plotter.XYs, c color.Color, width vg.Length) error {
	if len(xy) == 1 {
		return addPoint(p, xy, c)
	}
	l, err := plotter.NewLine(xy)
	if err != nil {
		return err
	}
	l.Color, l.Width = c, width
	p.Add(l)
	return nil
}

func addPoint(p *plot.Plot, xy plotter.XYs, c color.Color) error {
	s, err := plotter.NewScatter(xy)
	if err != nil {
		return err
	}
	s.GlyphStyle = draw.GlyphStyle{Color: c, Radius: vg.Points(3), Shape: draw.CircleGlyph{}}
	p.Add(s)
	return nil
}

// render rasterises a plot at 96 dots an inch with a margin.
func render(p *plot.Plot, w, h vg.Length) image.Image {
	c := vgimg.NewWith(vgimg.UseWH(w, h), vgimg.UseDPI(96), vgimg.UseBackgroundColor(color.White))
	const margin = 10
	p.Draw(draw.Crop(draw.New(c), margin, -margin, margin, -margin))
	return c.Image()
}

// A ticker places about six round labels. With counts, they are whole numbers, thousands written as k and millions as M.
type ticker struct{ counts bool }

func (t ticker) Ticks(lo, hi float64) []plot.Tick {
	if !(hi > lo) {
		return nil
	}
	unit := roundUp((hi - lo) / 6)
	if t.counts {
		unit = max(1, unit)
	}
	var ticks []plot.Tick
	for k := math.Ceil(lo/unit - 1e-9); k*unit <= hi+1e-9*unit && len(ticks) < 20; k++ {
		v := k * unit
		ticks = append(ticks, plot.Tick{Value: v, Label: t.label(v, unit)})
	}
	return ticks
}

func (t ticker) label(v, unit float64) string {
	if t.counts && math.Abs(v) >= 1e6 && unit >= 1e5 {
		return strconv.FormatFloat(math.Round(v/1e5)/10, 'f', -1, 64) + "M"
	}
	if t.counts && math.Abs(v) >= 1e4 && unit >= 100 {
		return strconv.FormatFloat(math.Round(v/100)/10, 'f', -1, 64) + "k"
	}
	digits := max(0, int(math.Ceil(-math.Log10(unit)-1e-9)))
	if digits > 5 || math.Abs(v) >= 1e7 {
		return strconv.FormatFloat(v, 'g', 4, 64)
	}
	return strconv.FormatFloat(v+0, 'f', digits, 64)
}

// roundUp returns the next of 1, 2, 5 times a power of ten.
func roundUp(v float64) float64 {
	p := math.Pow(10, math.Floor(math.Log10(v)))
	for _, m := range []float64{1, 2, 5} {
		if m*p >= v*(1-1e-9) {
			return m * p
		}
	}
	return 10 * p
}

// A log10Ticker labels an axis that carries logarithms to base 10 with the numbers themselves: 1, 2, 3, 5, 7 times the powers of ten within a
// decade, 1, 2, 5 times them up to three decades, two where labels stand side by side, or powers alone, about eight of them.
type log10Ticker struct{ horizontal bool }

func (t log10Ticker) Ticks(lo, hi float64) []plot.Tick {
	var ticks []plot.Tick
	labelled, most := "125", 3.3
	if t.horizontal {
		most = 2.2
	}
	switch span := hi - lo; {
	case span < 1:
		labelled = "12357"
	case span >= most:
		labelled = "1"
	}
	stride := math.Ceil((hi - lo) / 8)
	if stride > 1 {
		for e := math.Ceil(lo/stride) * stride; e <= hi; e += stride {
			ticks = append(ticks, plot.Tick{Value: e, Label: strconv.FormatFloat(math.Pow(10, e), 'g', 4, 64)})
		}
		return ticks
	}
	for e := math.Floor(lo); e <= hi; e++ {
		for m := 1.; m < 10; m++ {
			at := e + math.Log10(m)
			if at < lo || at > hi {
				continue
			}
			t := plot.Tick{Value: at}
			if strings.ContainsRune(labelled, '0'+rune(m)) {
				t.Label = strconv.FormatFloat(m*math.Pow(10, e), 'g', 4, 64)
			}
			ticks = append(ticks, t)
		}
	}
	return ticks
}
