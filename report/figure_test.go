package report

import (
	"image"
	"image/color"
	"math"
	"strconv"
	"testing"
)

// coloured counts the pixels of a picture within a rectangle that have a colour.
func coloured(m image.Image, c color.NRGBA, within image.Rectangle) int {
	n := 0
	for y := within.Min.Y; y < within.Max.Y; y++ {
		for x := within.Min.X; x < within.Max.X; x++ {
			if r, g, b, _ := m.At(x, y).RGBA(); uint8(r>>8) == c.R && uint8(g>>8) == c.G && uint8(b>>8) == c.B {
				n++
			}
		}
	}
	return n
}

func TestFigure(t *testing.T) {
	panel := Panel{Title: "a", LogX: true, LogY: true, Series: []Series{
		{Name: "measured", X: []float64{1, 10, 100, 1000}, Y: []float64{1, 0, math.NaN(), 1e-8}, Err: []float64{2, 1, 1, math.NaN()}, Colour: 1},
		{Name: "formula", X: []float64{1, 1000}, Y: []float64{1, 1}, Colour: 3, Formula: true},
	}}
	other := panel
	other.Series = []Series{{Name: "measured", X: []float64{1, 2}, Y: []float64{3, 4}, Colour: 1}}
	one, err := Figure{Title: "t", Columns: 2, Panels: []Panel{panel}}.Draw()
	if err != nil {
		t.Fatal(err)
	}
	three, err := Figure{Title: "t", Columns: 2, Panels: []Panel{panel, other, panel}}.Draw()
	if err != nil {
		t.Fatal(err)
	}
	if w, h := one.Bounds().Dx(), one.Bounds().Dy(); !(three.Bounds().Dx() > w+w/2 && three.Bounds().Dy() > h+h/2) {
		t.Errorf("three panels in two columns are %v, one is %v", three.Bounds(), one.Bounds())
	}
	// The legend, to the right, shows each name once: as many pixels of a colour there for one panel as for three.
	key := func(m image.Image, c color.NRGBA) int {
		b := m.Bounds()
		return coloured(m, c, image.Rect(b.Max.X-115, b.Min.Y, b.Max.X, b.Max.Y))
	}
	for _, c := range []color.NRGBA{palette[1], palette[3]} {
		if a, b := key(one, c), key(three, c); !(a > 8 && 4*max(a-b, b-a) <= a) { // subpixels differ
			t.Errorf("colour %v has %d pixels in the legend of one panel and %d in that of three", c, a, b)
		}
	}
}

func TestFigureErrors(t *testing.T) {
	for name, f := range map[string]Figure{
		"no panel":  {Columns: 1},
		"no column": {Panels: []Panel{{Series: []Series{{X: []float64{1}, Y: []float64{1}}}}}},
		"lengths":   {Columns: 1, Panels: []Panel{{Series: []Series{{X: []float64{1}}}}}},
		"bars":      {Columns: 1, Panels: []Panel{{Series: []Series{{X: []float64{1}, Y: []float64{1}, Err: []float64{}}}}}},
		"no point":  {Columns: 1, Panels: []Panel{{LogY: true, Series: []Series{{X: []float64{1, 2}, Y: []float64{0, -1}}}}}},
	} {
		if _, err := f.Draw(); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	point := Figure{Columns: 3, Panels: []Panel{{LogX: true, LogY: true, YMin: .1, YMax: 10, Series: []Series{{X: []float64{1}, Y: []float64{1}}}}}}
	if _, err := point.Draw(); err != nil {
		t.Errorf("a single point: %v", err)
	}
}

func TestPowerTicks(t *testing.T) {
	ticks := powerTicker{}.Ticks(-7.2, 8.1)
	if len(ticks) < 4 || len(ticks) > 6 {
		t.Errorf("%d ticks", len(ticks))
	}
	for _, tick := range ticks {
		v, err := strconv.ParseFloat(tick.Label, 64)
		if err != nil || !(math.Abs(math.Log10(v)-tick.Value) <= 1e-9) {
			t.Errorf("%g is labelled %q", tick.Value, tick.Label)
		}
	}
	if a, b := powerLabel(-12), powerLabel(-2); a != "1e-12" || b != "0.01" {
		t.Errorf("labels %q and %q", a, b)
	}
}
