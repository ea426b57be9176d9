package report

import (
	"bytes"
	"image"
	"image/color"
	"math"
	"strings"
	"testing"
)

func drawn(t *testing.T, p Transport) image.Image {
	t.Helper()
	m, err := p.Draw()
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// count returns how many pixels have a colour that is nearest to c among those of the pictures.
func count(m image.Image, c color.NRGBA) (pixels int) {
	r := m.Bounds()
	for y := r.Min.Y; y < r.Max.Y; y++ {
		for x := r.Min.X; x < r.Max.X; x++ {
			got := color.NRGBAModel.Convert(m.At(x, y)).(color.NRGBA)
			nearest, least := color.NRGBA{}, math.Inf(1)
			for _, k := range []color.NRGBA{blue, orange, dark, light, {255, 255, 255, 255}} {
				d := math.Abs(float64(got.R)-float64(k.R)) + math.Abs(float64(got.G)-float64(k.G)) + math.Abs(float64(got.B)-float64(k.B))
				if d < least {
					nearest, least = k, d
				}
			}
			if nearest == c {
				pixels++
			}
		}
	}
	return pixels
}

// TestTransportShowsWeightsAndLinks: the area of a point grows with its weight, and a link is a dark line.
func TestTransportShowsWeightsAndLinks(t *testing.T) {
	for _, dim := range []int{1, 2} {
		x, y := []float64{0, 4, 6, 1}[:2*dim], []float64{9, 2, 6, 0}[:2*dim]
		base := Transport{Title: "t", Dim: dim, X: x, Y: y}
		plain := drawn(t, base)
		heavy := base
		heavy.A = []float64{1, 9}
		ring := base
		ring.B = []float64{1, 0}
		linked := base
		linked.Links = []Link{{0, 0, .5}, {1, 1, .2}}
		// Areas 1/5 and 9/5 of those of equal points, which sum to the same.
		if a, b := count(plain, blue), count(drawn(t, heavy), blue); !(math.Abs(float64(a-b)) <= .2*float64(a)) || a < 50 {
			t.Errorf("dimension %d: weights change the area from %d to %d", dim, a, b)
		}
		if a, b := count(plain, orange), count(drawn(t, ring), orange); !(b > a/2) || a == b {
			t.Errorf("dimension %d: a point without weight changes the area from %d to %d", dim, a, b)
		}
		if a, b := count(plain, dark), count(drawn(t, linked), dark); !(b > a+50) {
			t.Errorf("dimension %d: links change the dark pixels from %d to %d", dim, a, b)
		}
		var first, second bytes.Buffer
		if err := WritePNG(&first, drawn(t, linked)); err != nil {
			t.Fatal(err)
		}
		if err := WritePNG(&second, drawn(t, linked)); err != nil || !bytes.Equal(first.Bytes(), second.Bytes()) {
			t.Errorf("the same picture twice differs: %v", err)
		}
	}
}

func TestTransportOfDegenerateClouds(t *testing.T) {
	for name, p := range map[string]Transport{
		"one point":   {Dim: 1, X: []float64{3}, Y: []float64{3}, Links: []Link{{0, 0, 0}}},
		"equal":       {Dim: 2, X: []float64{1, 1, 1, 1}, Y: []float64{1, 1}, Links: []Link{{1, 0, 1}}},
		"far":         {Dim: 2, X: []float64{1e150, -1e150}, Y: []float64{-1e150, 0}},
		"thin":        {Dim: 2, X: []float64{0, 0, 1000, 1e-9}, Y: []float64{5, 0}},
		"upright":     {Dim: 2, X: []float64{0, 0, 0, 7}, Y: []float64{0, 3}},
		"no weight":   {Dim: 1, X: []float64{1, 2}, Y: []float64{3}, A: []float64{0, 0}},
		"near by far": {Dim: 1, X: []float64{1e15, 1e15 + 1}, Y: []float64{1e15}},
	} {
		m, err := p.Draw()
		if err != nil {
			t.Errorf("%s: %v", name, err)
		} else if r := m.Bounds(); !(r.Dx() >= 2*r.Dy()/3 || r.Dy() >= r.Dx()/3) || r.Dx() < 200 || r.Dy() < 200 {
			t.Errorf("%s: a picture of %v", name, r)
		}
	}
}

func TestTransportRefuses(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	for name, p := range map[string]Transport{
		"dimension":        {Dim: 3, X: []float64{1, 2, 3}, Y: []float64{1, 2, 3}},
		"empty":            {Dim: 1, Y: []float64{1}},
		"odd":              {Dim: 2, X: []float64{1, 2, 3}, Y: []float64{1, 2}},
		"NaN":              {Dim: 1, X: []float64{nan}, Y: []float64{1}},
		"too far":          {Dim: 1, X: []float64{1}, Y: []float64{1e200}},
		"weights":          {Dim: 1, X: []float64{1}, Y: []float64{1}, A: []float64{1, 1}},
		"negative weight":  {Dim: 1, X: []float64{1}, Y: []float64{1}, B: []float64{-1}},
		"infinite weight":  {Dim: 1, X: []float64{1}, Y: []float64{1}, B: []float64{inf}},
		"link to nowhere":  {Dim: 1, X: []float64{1}, Y: []float64{1}, Links: []Link{{0, 1, 1}}},
		"link of NaN mass": {Dim: 1, X: []float64{1}, Y: []float64{1}, Links: []Link{{0, 0, nan}}},
	} {
		if _, err := p.Draw(); err == nil || !strings.HasPrefix(err.Error(), "report: ") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
