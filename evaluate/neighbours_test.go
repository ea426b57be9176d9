package evaluate

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/sinkcpu/sinkcpu/internal/parallel"
)

// normal returns n rows of d independent normal numbers about a mean.
func normal(rng *rand.Rand, n, d int, mean, deviation float64) []float32 {
	x := make([]float32, n*d)
	for i := range x {
		x[i] = float32(mean + deviation*rng.NormFloat64())
	}
	return x
}

// plainNearest returns the k nearest rows by sorting all distances.
func plainNearest(x, y []float32, d, k int) (index []int, squared []float64) {
	for i := 0; i < len(x); i += d {
		type near struct {
			q   float64
			row int
		}
		var all []near
		for j := 0; j < len(y); j += d {
			q := 0.
			for l := range d {
				e := float64(x[i+l]) - float64(y[j+l])
				q += e * e
			}
			all = append(all, near{q, j / d})
		}
		slices.SortStableFunc(all, func(a, b near) int {
			switch {
			case a.q < b.q:
				return -1
			case a.q > b.q:
				return 1
			}
			return 0
		})
		for l := range k {
			if l >= len(all) {
				index, squared = append(index, -1), append(squared, math.Inf(1))
				continue
			}
			index, squared = append(index, all[l].row), append(squared, all[l].q)
		}
	}
	return index, squared
}

// Integers have exact distances, and many ties.
func TestSearchAgreesWithSorting(t *testing.T) {
	pool := parallel.New(3)
	defer pool.Close()
	rapid.Check(t, func(t *rapid.T) {
		n, d, k := rapid.IntRange(1, 150).Draw(t, "n"), rapid.IntRange(1, 20).Draw(t, "d"), rapid.IntRange(1, 6).Draw(t, "k")
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		spread, shift := rapid.SampledFrom([]int{2, 10, 1000}).Draw(t, "spread"), rapid.SampledFrom([]int{0, 100000}).Draw(t, "shift")
		cloud := func(rows int) []float32 {
			x := make([]float32, rows*d)
			for i := range x {
				x[i] = float32(shift + rng.IntN(spread))
			}
			return x
		}
		x := cloud(n)
		s, err := NewSearch(pool, x, n, d, k)
		if err != nil {
			t.Fatal(err)
		}
		var y []float32
		for range rapid.IntRange(1, 3).Draw(t, "blocks") {
			m := rapid.IntRange(1, 100).Draw(t, "m")
			block := cloud(m)
			if err := s.Add(block, m); err != nil {
				t.Fatal(err)
			}
			y = append(y, block...)
		}
		index, squared := plainNearest(x, y, d, k)
		if !slices.Equal(s.Index, index) || !slices.Equal(s.Squared, squared) {
			t.Fatalf("got %v %v, want %v %v", s.Index, s.Squared, index, squared)
		}
	})
}

// Numbers whose products overflow or underflow float32 have distances all the same.
func TestSearchAtTheEndsOfFloat32(t *testing.T) {
	for _, scale := range []float32{1e-30, 1e25, 3e38} {
		x, y := []float32{scale, 0}, []float32{-scale / 2, scale / 2, scale / 4 * 3, 0}
		s, err := NewSearch(nil, x, 2, 1, 1)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Add(y, 4); err != nil {
			t.Fatal(err)
		}
		if want := []int{2, 3}; !slices.Equal(s.Index, want) {
			t.Errorf("scale %g: nearest %v, want %v", scale, s.Index, want)
		}
	}
}

// A copied training set: each row is its own nearest, at distance 0 exactly.
func TestNearestOfACopy(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	const n, d = 3000, 50
	x := normal(rng, n, d, 5, 1)
	s, err := NewSearch(parallel.Default(), x, n, d, 2)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Add(slices.Clone(x), n); err != nil {
		t.Fatal(err)
	}
	for i := range n {
		if s.Index[2*i] != i || s.Squared[2*i] != 0 || !(s.Squared[2*i+1] > 0) {
			t.Fatalf("row %d: nearest %v at %v", i, s.Index[2*i:2*i+2], s.Squared[2*i:2*i+2])
		}
	}
}

func TestBadClouds(t *testing.T) {
	nan := []float32{1, float32(math.NaN())}
	if _, err := NewSearch(nil, nan, 2, 1, 1); err == nil {
		t.Error("NaN is taken")
	}
	if _, err := NewSearch(nil, []float32{1}, 2, 1, 1); err == nil {
		t.Error("a cloud that is too short is taken")
	}
	if _, err := NewSearch(nil, []float32{1}, 1, 1, 0); err == nil {
		t.Error("no neighbours are taken")
	}
	if _, err := NewReference(nil, []float32{1, 2}, 2, 1, 2); err == nil {
		t.Error("as many neighbours as rows are taken")
	}
	if _, err := FitGaussian(nil, nan, 2, 1); err == nil {
		t.Error("NaN has a covariance")
	}
	if _, err := ClassScore([]float32{}, 0, 10); err == nil {
		t.Error("no rows have a score")
	}
	if _, err := Sharpness(make([]float32, 12), 1, 2, 6, 1); err == nil {
		t.Error("images of two lines have a Laplacian")
	}
	if _, err := Copying([]float64{1}, nil); err == nil {
		t.Error("copying without rows held out")
	}
}

// A tester is a test, of this library or of rapid.
type tester interface {
	Helper()
	Errorf(format string, args ...any)
	Fatal(args ...any)
}
