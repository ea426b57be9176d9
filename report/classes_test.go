package report

import (
	"math"
	"testing"
)

// TestPlaneKeepsDistances: rows of a plane in five dimensions keep their distances in two.
func TestPlaneKeepsDistances(t *testing.T) {
	a, b := []float64{.6, 0, .8, 0, 0}, []float64{0, 1, 0, 0, 0}
	var points []float32
	var flat [][2]float64
	for i := range 40 {
		u, v := math.Sin(float64(i)), 3*math.Cos(float64(i)*float64(i))
		flat = append(flat, [2]float64{u, v})
		for k := range 5 {
			points = append(points, float32(7+u*a[k]+v*b[k]))
		}
	}
	xy, share, err := plane(points, 40, 5)
	if err != nil || !(math.Abs(share-1) <= 1e-6) {
		t.Fatal(share, err)
	}
	for i := range xy {
		for j := range xy {
			got := math.Hypot(xy[i].X-xy[j].X, xy[i].Y-xy[j].Y)
			want := math.Hypot(flat[i][0]-flat[j][0], flat[i][1]-flat[j][1])
			if !(math.Abs(got-want) <= 1e-5) {
				t.Fatalf("rows %d and %d: distance %g, want %g", i, j, got, want)
			}
		}
	}
}

func TestClasses(t *testing.T) {
	for _, d := range []int{1, 2, 3} {
		m, err := Classes("codes", []float32{0, 1, 2, 3, 1, 5}, d, []int{1, 0, 1, 2, 0, 12}[:6/d])
		if err != nil || m.Bounds().Dx() < 100 {
			t.Errorf("%d: %v", d, err)
		}
	}
	for _, bad := range []struct {
		points []float32
		class  []int
	}{{nil, nil}, {[]float32{1, 2, 3}, nil}, {[]float32{1, 2}, []int{1, 2}}, {[]float32{1, float32(math.NaN())}, nil}} {
		if _, err := Classes("", bad.points, 2, bad.class); err == nil {
			t.Errorf("%v: no error", bad)
		}
	}
}
