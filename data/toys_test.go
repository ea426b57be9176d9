package data

import (
	"math"
	"testing"
)

const toyRows = 40000

// moments are the mean and the second moments of points of the plane.
type moments struct{ x, y, xx, xy, yy float64 }

func momentsOf(d *Dataset) (m moments) {
	n := float64(d.N)
	for i := range d.N {
		x, y := float64(d.Points[2*i]), float64(d.Points[2*i+1])
		m.x += x / n
		m.y += y / n
		m.xx += x * x / n
		m.xy += x * y / n
		m.yy += y * y / n
	}
	return m
}

func TestMomentsOfToys(t *testing.T) {
	a, c := EllipseMatrix, EllipseCentre
	for _, tc := range []struct {
		name string
		d    *Dataset
		want moments
	}{
		{"ring8", Ring8(1, toyRows), moments{0, 0, .5 + .02*.02, 0, .5 + .02*.02}},
		{"grid25", Grid25(1, toyRows), moments{0, 0, .5 + .02*.02, 0, .5 + .02*.02}},
		// E (cos t - 1/2)^2 = 3/4,  E (sin t - 1/4)^2 = 9/16 - 1/pi,  E (cos t - 1/2)(sin t - 1/4) = 1/8 - 1/pi
		{"moons", Moons(1, toyRows), moments{0, 0, .75 + .0025, .125 - 1/math.Pi, .5625 - 1/math.Pi + .0025}},
		// E u u^T = I/4 in the unit disc.
		{"ellipse", Ellipse(1, toyRows), moments{
			c[0], c[1],
			c[0]*c[0] + (a[0][0]*a[0][0]+a[0][1]*a[0][1])/4,
			c[0]*c[1] + (a[0][0]*a[1][0]+a[0][1]*a[1][1])/4,
			c[1]*c[1] + (a[1][0]*a[1][0]+a[1][1]*a[1][1])/4,
		}},
	} {
		got := momentsOf(tc.d)
		// No coordinate or product of two has a standard deviation above 1.
		tol := 5 / math.Sqrt(toyRows)
		for k, pair := range [][2]float64{{got.x, tc.want.x}, {got.y, tc.want.y}, {got.xx, tc.want.xx}, {got.xy, tc.want.xy}, {got.yy, tc.want.yy}} {
			if !(math.Abs(pair[0]-pair[1]) <= tol) {
				t.Errorf("%s: moment %d is %v, want %v +- %v", tc.name, k, pair[0], pair[1], tol)
			}
		}
	}
}

func TestMixtures(t *testing.T) {
	for _, tc := range []struct {
		name  string
		m     Mixture
		d     *Dataset
		modes int
	}{{"ring8", Ring8Modes(), Ring8(2, toyRows), 8}, {"grid25", Grid25Modes(), Grid25(2, toyRows), 25}} {
		if len(tc.m.Centres) != tc.modes {
			t.Fatalf("%s: %d modes", tc.name, len(tc.m.Centres))
		}
		counts := make([]float64, tc.modes)
		var square float64
		within := 0
		for i := range tc.d.N {
			c := tc.m.Centres[tc.d.Labels[i]]
			r := math.Hypot(float64(tc.d.Points[2*i])-c[0], float64(tc.d.Points[2*i+1])-c[1]) / tc.m.Sigma
			square += r * r / toyRows
			counts[tc.d.Labels[i]]++
			if r <= 3 {
				within++
			}
		}
		// r^2 is chi squared of two degrees: mean 2, variance 4, P(r <= 3) = 1 - e^(-9/2).
		if tol := 5 * 2 / math.Sqrt(toyRows); !(math.Abs(square-2) <= tol) {
			t.Errorf("%s: mean square radius %v sigma^2, want 2", tc.name, square)
		}
		p := 1 - math.Exp(-4.5)
		if got, tol := float64(within)/toyRows, 5*math.Sqrt(p*(1-p)/toyRows); !(math.Abs(got-p) <= tol) {
			t.Errorf("%s: %v within three sigma, want %v +- %v", tc.name, got, p, tol)
		}
		mean := toyRows / float64(tc.modes)
		for k, count := range counts {
			if !(math.Abs(count-mean) <= 5*math.Sqrt(mean)) {
				t.Errorf("%s: mode %d has %v points, want %v", tc.name, k, count, mean)
			}
		}
	}
}

func TestEllipseIsUniformWithin(t *testing.T) {
	a, c := EllipseMatrix, EllipseCentre
	det := a[0][0]*a[1][1] - a[0][1]*a[1][0]
	if !(math.Abs(det-1*.4) <= 1e-12) {
		t.Errorf("half axes multiply to %v, want .4", det)
	}
	d := Ellipse(3, toyRows)
	half := 0
	for i := range d.N {
		x, y := float64(d.Points[2*i])-c[0], float64(d.Points[2*i+1])-c[1]
		u, v := (a[1][1]*x-a[0][1]*y)/det, (a[0][0]*y-a[1][0]*x)/det
		r2 := u*u + v*v
		if !(r2 <= 1+1e-5) {
			t.Fatalf("point %d lies outside, at %v", i, math.Sqrt(r2))
		}
		if r2 <= .5 {
			half++
		}
	}
	if got := float64(half) / toyRows; !(math.Abs(got-.5) <= 2.5/math.Sqrt(toyRows)) {
		t.Errorf("%v of the points in half of the area", got)
	}
}

func TestSpiralKeepsToItsCurve(t *testing.T) {
	d := Spiral(4, toyRows)
	var square, off float64
	for i := range d.N {
		x, y := float64(d.Points[2*i]), float64(d.Points[2*i+1])
		square += (x*x + y*y) / toyRows
		nearest := math.Inf(1)
		for k := range 200 {
			r := (float64(k) + .5) / 200
			s, c := math.Sincos(3 * math.Pi * r)
			nearest = min(nearest, math.Hypot(x-r*c, y-r*s))
		}
		off = max(off, nearest)
	}
	// r^2 is uniform on [0, 1], the noise adds 2 sigma^2.
	if want := .5 + 2*.02*.02; !(math.Abs(square-want) <= 2.5/math.Sqrt(toyRows)) {
		t.Errorf("mean square radius %v, want %v", square, want)
	}
	// The farthest of 40,000 radii of the noise is below 6 sigma; the grid of the curve adds half of its step.
	if !(off <= 6*.02+.025) {
		t.Errorf("a point lies %v off the curve", off)
	}
}
