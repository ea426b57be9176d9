package data

import (
	"bytes"
	"math"
	"runtime"
	"testing"
)

func TestGlyphsDependOnSeedAndIndexOnly(t *testing.T) {
	const n = 300
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	want := Glyphs(7, n)
	for _, workers := range []int{2, 5} {
		runtime.GOMAXPROCS(workers)
		if !bytes.Equal(Glyphs(7, n).Pixels, want.Pixels) {
			t.Errorf("%d workers draw other pixels than one", workers)
		}
	}
	if part := glyphs(7, 130, 41); !bytes.Equal(part.Pixels, want.Pixels[130*784:171*784]) || part.Labels[3] != 3 {
		t.Error("images 130 to 170 differ when drawn alone")
	}
	other := Glyphs(8, n)
	for i := range n {
		if want.Labels[i] != i%10 {
			t.Fatalf("label %d of image %d", want.Labels[i], i)
		}
		if bytes.Equal(other.Pixels[i*784:(i+1)*784], want.Pixels[i*784:(i+1)*784]) {
			t.Errorf("image %d is the same for two seeds", i)
		}
	}
}

// TestGlyphsLookLikeMNIST holds MNIST's figures: mean pixel .1307, standard deviation .3081, .191 of the pixels not 0, a body of at
// most 20 x 20 pixels centred by its mass.
func TestGlyphsLookLikeMNIST(t *testing.T) {
	d := Glyphs(1, 5000)
	var sum, square, inked float64
	for _, b := range d.Pixels {
		v := float64(b) / 255
		sum += v
		square += v * v
		if b > 0 {
			inked++
		}
	}
	n := float64(len(d.Pixels))
	mean := sum / n
	std := math.Sqrt(square/n - mean*mean)
	if !(math.Abs(mean-.1307) <= .01) || !(math.Abs(std-.3081) <= .01) || !(math.Abs(inked/n-.191) <= .02) {
		t.Errorf("mean %v, standard deviation %v, inked %v", mean, std, inked/n)
	}
	for i := range d.N {
		image := d.Pixels[i*784 : (i+1)*784]
		x0, x1, y0, y1 := 28, -1, 28, -1
		var mass, mx, my float64
		for k, b := range image {
			if b == 0 {
				continue
			}
			x, y := k%28, k/28
			x0, x1, y0, y1 = min(x0, x), max(x1, x), min(y0, y), max(y1, y)
			mass += float64(b)
			mx += float64(b) * (float64(x) + .5)
			my += float64(b) * (float64(y) + .5)
		}
		if x1-x0+1 > 21 || y1-y0+1 > 21 || x0 < 1 || y0 < 1 || x1 > 26 || y1 > 26 {
			t.Errorf("image %d, a %d: ink from (%d, %d) to (%d, %d)", i, d.Labels[i], x0, y0, x1, y1)
		}
		if !(math.Hypot(mx/mass-14, my/mass-14) <= 3) {
			t.Errorf("image %d, a %d: centre of mass (%v, %v)", i, d.Labels[i], mx/mass, my/mass)
		}
	}
}

// TestGlyphsAreRecognisable: the nearest of 2,000 other images tells the digit, as it does on MNIST.
func TestGlyphsAreRecognisable(t *testing.T) {
	known, asked := glyphs(1, 0, 2000), glyphs(1, 2000, 300)
	if testing.Short() {
		asked = glyphs(1, 2000, 50)
	}
	wrong := 0
	for i := range asked.N {
		q := asked.Pixels[i*784 : (i+1)*784]
		nearest, label := math.MaxInt, -1
		for j := range known.N {
			dist := 0
			for k, b := range known.Pixels[j*784 : (j+1)*784] {
				diff := int(b) - int(q[k])
				dist += diff * diff
			}
			if dist < nearest {
				nearest, label = dist, known.Labels[j]
			}
		}
		if nearest == 0 {
			t.Errorf("image %d repeats another", i)
		}
		if label != asked.Labels[i] {
			wrong++
		}
	}
	if wrong > asked.N/25 {
		t.Errorf("%d of %d digits mistaken", wrong, asked.N)
	}
}

func TestGlyphWaysStayInTheirBox(t *testing.T) {
	for digit, ways := range alphabet {
		if len(ways) == 0 {
			t.Errorf("no way to write a %d", digit)
		}
		for w, way := range ways {
			for _, stroke := range way {
				if len(stroke) < 2 {
					t.Errorf("digit %d, way %d: a stroke of %d points", digit, w, len(stroke))
				}
				for _, p := range stroke {
					if p.x < 0 || p.x > 1 || p.y < 0 || p.y > 1 {
						t.Errorf("digit %d, way %d: point %v", digit, w, p)
					}
				}
			}
		}
	}
}

func BenchmarkGlyphs(b *testing.B) {
	const n = 2000
	for b.Loop() {
		Glyphs(1, n)
	}
	b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "images/s")
}
