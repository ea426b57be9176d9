package report

import (
	"bytes"
	"image/color"
	"image/png"
	"math"
	"math/rand/v2"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"gonum.org/v1/plot"
)

func TestGridShowsEachPixelWhereItBelongs(t *testing.T) {
	s := Shape{H: 3, W: 5, C: 3}
	const rows, columns = 7, 3
	px := make([]float32, rows*s.Dim())
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range px {
		px[i] = rng.Float32()
	}
	m, err := Grid(px, rows, columns, s)
	if err != nil {
		t.Fatal(err)
	}
	scale := enlargement(s)
	at := func(i, c, y, x int) uint8 { return uint8(255*px[((i*3+c)*3+y)*5+x] + .5) }
	for i := range rows {
		for y := range s.H {
			for x := range s.W {
				px, py := gap+(i%columns)*(s.W*scale+gap)+x*scale, gap+(i/columns)*(s.H*scale+gap)+y*scale
				want := color.RGBA{at(i, 0, y, x), at(i, 1, y, x), at(i, 2, y, x), 255}
				for _, corner := range []int{0, scale - 1} {
					if got := color.RGBAModel.Convert(m.At(px+corner, py+corner)); got != want {
						t.Fatalf("image %d pixel %d, %d is %v, want %v", i, y, x, got, want)
					}
				}
			}
		}
	}
}

func TestGridClips(t *testing.T) {
	nan := float32(math.NaN())
	m, err := Grid([]float32{-1, 2, nan, .5}, 1, 9, Shape{H: 2, W: 2, C: 1})
	if err != nil {
		t.Fatal(err)
	}
	scale := enlargement(Shape{H: 2, W: 2, C: 1})
	var got []uint8
	for k := range 4 {
		c := color.GrayModel.Convert(m.At(gap+k%2*scale, gap+k/2*scale)).(color.Gray)
		got = append(got, c.Y)
	}
	if want := []uint8{0, 255, 0, 128}; !slices.Equal(got, want) {
		t.Errorf("levels %v, want %v", got, want)
	}
}

func TestEnlargement(t *testing.T) {
	for side, want := range map[int]int{1: 56, 28: 2, 32: 2, 64: 1, 500: 1} {
		if got := enlargement(Shape{H: side, W: side, C: 1}); got != want {
			t.Errorf("images of side %d are enlarged by %d, want %d", side, got, want)
		}
	}
}

func TestBadInputIsAnError(t *testing.T) {
	for name, err := range map[string]error{
		"two channels":  second(Grid(make([]float32, 8), 1, 1, Shape{H: 2, W: 2, C: 2})),
		"no pixels":     second(Grid(nil, 1, 1, Shape{})),
		"no rows":       second(Grid(nil, 0, 1, Shape{H: 2, W: 2, C: 1})),
		"too short":     second(Grid(make([]float32, 7), 2, 1, Shape{H: 2, W: 2, C: 1})),
		"empty curve":   second(Curve{}.Draw()),
		"uneven curve":  second(Curve{Step: []float64{1}}.Draw()),
		"no finite one": second(Curve{Step: []float64{1}, Value: []float64{math.NaN()}}.Draw()),
		"no point":      second(Scatter("", nil, []float32{1})),
	} {
		if err == nil || !strings.HasPrefix(err.Error(), "report: ") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func second[T any](_ T, err error) error { return err }

func TestPicturesOfDegenerateInputAreDrawn(t *testing.T) {
	inf := math.Inf(1)
	for name, c := range map[string]Curve{
		"one point": {Step: []float64{1}, Value: []float64{3}},
		"constant":  {Step: []float64{1, 2, 3}, Value: []float64{3, 3, 3}},
		"zero":      {Step: []float64{1, 2, 3}, Value: []float64{0, 0, 0}},
		"negative":  {Step: []float64{1, 2, 3}, Value: []float64{-1, -5, -1e9}},
		"broken":    {Step: []float64{1, 2, 3}, Value: []float64{1, inf, 2}},
		"tiny":      {Step: []float64{1, 2, 3}, Value: []float64{1e-300, 1e-200, 1}},
	} {
		m, err := c.Draw()
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		var b bytes.Buffer
		if err := WritePNG(&b, m); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if back, err := png.Decode(&b); err != nil || back.Bounds() != m.Bounds() {
			t.Errorf("%s: decoded to %v, %v", name, back, err)
		}
	}
	nan := float32(math.NaN())
	if _, err := Scatter("one point", []float32{0, 0, nan, 1}, []float32{nan, nan, 5, 5}); err != nil {
		t.Error(err)
	}
}

func TestSmoothKeepsLinesAndReducesNoise(t *testing.T) {
	const n, half = 101, 7
	line, noise := make([]float64, n), make([]float64, n)
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range line {
		line[i], noise[i] = 3*float64(i)-5, rng.NormFloat64()
	}
	for i, v := range Smooth(line, half) {
		if !(math.Abs(v-line[i]) <= 1e-9) {
			t.Errorf("a line changed at %d: %g, want %g", i, v, line[i])
		}
	}
	smooth := Smooth(noise, half)
	mid := 0.
	for _, v := range noise[50-half : 50+half+1] {
		mid += v / (2*half + 1)
	}
	if !(math.Abs(smooth[50]-mid) <= 1e-12) || smooth[0] != noise[0] || smooth[n-1] != noise[n-1] {
		t.Errorf("mean %g, want %g; ends %g, %g", smooth[50], mid, smooth[0], smooth[n-1])
	}
}

func TestTicksLieInTheRangeAndAreReadable(t *testing.T) {
	for _, c := range []struct {
		marks  plot.Ticker
		ranges [][2]float64
	}{
		{ticker{}, [][2]float64{{0, 20000}, {0, 1}, {-3, 4}, {1e-3, 2e-3}, {0, 2e6}}},
		{ticker{counts: true}, [][2]float64{{0, 20000}, {0, 1}, {0, 3}, {0, 2e6}, {0, 5e8}}},
		{log10Ticker{}, [][2]float64{{0, 1}, {-3, .2}, {-7, 2}, {-300, 300}}},
	} {
		for _, r := range c.ranges {
			seen := map[string]bool{}
			ticks := c.marks.Ticks(r[0], r[1])
			if len(ticks) > 40 || len(ticks) == 0 {
				t.Errorf("%T on %v: %d ticks", c.marks, r, len(ticks))
			}
			for _, k := range ticks {
				if !(k.Value >= r[0]-1e-9) || !(k.Value <= r[1]+1e-9*math.Abs(r[1])) {
					t.Errorf("%T: tick %g outside %v", c.marks, k.Value, r)
				}
				if len(k.Label) > 7 || k.Label != "" && seen[k.Label] {
					t.Errorf("%T on %v: label %q is long or repeated", c.marks, r, k.Label)
				}
				seen[k.Label] = true
			}
		}
	}
	if got := (ticker{counts: true}).label(20000, 5000); got != "20k" {
		t.Errorf("20000 is written %q", got)
	}
}

// The libraries for numbers must stay free of plotting and of the command's libraries.
func TestLibrariesDoNotLinkPlotting(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", "../kernels", "../nn", "../sinkhorn", "../logsumexp", "../generative").Output()
	if err != nil {
		t.Skipf("go list: %v", err)
	}
	for _, pkg := range strings.Fields(string(out)) {
		for _, banned := range []string{"gonum.org/v1/plot", "github.com/spf13/", "purego", "sinkcpu/report"} {
			if strings.Contains(pkg, banned) {
				t.Errorf("a numeric package links %s", pkg)
			}
		}
	}
}
