package evaluate

import (
	"math"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"

	"github.com/sinkcpu/sinkcpu/internal/parallel"
)

func mustFidelity(t tester, x, y []float32, d, k int) Fidelity {
	t.Helper()
	pool := parallel.Default()
	r, err := NewReference(pool, x, len(x)/d, d, k)
	if err != nil {
		t.Fatal(err)
	}
	f, err := r.Fidelity(y, len(y)/d)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// plainFidelity is the definition.
func plainFidelity(x, y []float32, d, k int) Fidelity {
	n, m := len(x)/d, len(y)/d
	_, rx := plainNearest(x, x, d, k+1)
	_, ry := plainNearest(y, y, d, k+1)
	var f Fidelity
	precise := make([]bool, m)
	for i := range n {
		seen, covered := false, false
		for j := range m {
			q := 0.
			for l := range d {
				e := float64(x[i*d+l]) - float64(y[j*d+l])
				q += e * e
			}
			if q <= rx[i*(k+1)+k] {
				f.Density += 1 / float64(k*m)
				precise[j], covered = true, true
			}
			seen = seen || q <= ry[j*(k+1)+k]
		}
		if seen {
			f.Recall += 1 / float64(n)
		}
		if covered {
			f.Coverage += 1 / float64(n)
		}
	}
	f.Precision = share(precise)
	return f
}

func sameFidelity(t tester, what string, got, want Fidelity, tol float64) {
	t.Helper()
	for _, v := range []struct {
		name      string
		got, want float64
	}{
		{"precision", got.Precision, want.Precision}, {"recall", got.Recall, want.Recall},
		{"density", got.Density, want.Density}, {"coverage", got.Coverage, want.Coverage},
	} {
		if !(math.Abs(v.got-v.want) <= tol*max(1, v.want)) { // a density may be large, and is a sum of many shares
			t.Errorf("%s: %s %g, want %g", what, v.name, v.got, v.want)
		}
	}
}

func TestFidelityIsItsDefinition(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n, m, d := rapid.IntRange(4, 150).Draw(t, "n"), rapid.IntRange(4, 150).Draw(t, "m"), rapid.IntRange(1, 4).Draw(t, "d")
		k := rapid.IntRange(1, 3).Draw(t, "k")
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		side := rapid.SampledFrom([]int{3, 30}).Draw(t, "side") // ties, or few
		x, y := make([]float32, n*d), make([]float32, m*d)
		for i := range x {
			x[i] = float32(rng.IntN(side))
		}
		for i := range y {
			y[i] = float32(rng.IntN(side) + side/3)
		}
		sameFidelity(t, "random", mustFidelity(t, x, y, d, k), plainFidelity(x, y, d, k), 1e-12)
	})
}

// A copied set: everything is covered, and a ball holds its centre and k more.
func TestFidelityOfACopy(t *testing.T) {
	const d, k = 8, 5
	x := normal(rand.New(rand.NewPCG(3, 4)), 1000, d, 0, 1)
	sameFidelity(t, "copy", mustFidelity(t, x, x, d, k), Fidelity{Precision: 1, Recall: 1, Density: (k + 1.) / k, Coverage: 1}, 1e-12)
}

// One repeated row of the data: its balls have radius 0 and reach that row alone, and it lies in few balls about data.
func TestFidelityOfOneRow(t *testing.T) {
	const n, d, k = 1000, 8, 5
	x := normal(rand.New(rand.NewPCG(5, 6)), n, d, 0, 1)
	y := make([]float32, 0, n*d)
	for range n {
		y = append(y, x[:d]...)
	}
	f := mustFidelity(t, x, y, d, k)
	if f.Precision != 1 || f.Recall != 1./n || !(f.Coverage <= .05) {
		t.Errorf("%+v, want precision 1, recall .001, coverage near 0", f)
	}
}

// Samples of the law of the data have density 1 and the coverage of the closed form, whatever the law.
func TestFidelityOfEqualLaws(t *testing.T) {
	const n, m, k, draws = 300, 200, 3, 60
	for _, d := range []int{1, 5} {
		var density, coverage []float64
		for draw := range uint64(draws) {
			rng := rand.New(rand.NewPCG(draw, 7))
			x, y := normal(rng, n, d, 0, 1), normal(rng, m, d, 0, 1)
			for _, c := range [][]float32{x, y} {
				for i := range c {
					c[i] *= c[i] * c[i] // far from normal
				}
			}
			f := mustFidelity(t, x, y, d, k)
			density, coverage = append(density, f.Density), append(coverage, f.Coverage)
		}
		for _, v := range []struct {
			name   string
			values []float64
			want   float64
		}{{"density", density, 1}, {"coverage", coverage, ExpectedCoverage(n, m, k)}} {
			mean, q := 0., 0.
			for _, x := range v.values {
				mean += x / draws
			}
			for _, x := range v.values {
				q += (x - mean) * (x - mean)
			}
			if se := math.Sqrt(q / draws / (draws - 1)); !(math.Abs(mean-v.want) <= 4*se && se < .01) {
				t.Errorf("d = %d: mean %s %.4f ± %.4f, want %.4f", d, v.name, mean, se, v.want)
			}
		}
	}
}

// A mixture of four far modes of which the samples lack one: a quarter of the data is out of reach, and no sample is bad.
func TestFidelityOfAMissingMode(t *testing.T) {
	const n, d, k = 400, 2, 3
	rng := rand.New(rand.NewPCG(8, 9))
	mixture := func(modes int) []float32 {
		x := normal(rng, n, d, 0, 1)
		for i := range n {
			x[i*d] += float32(1000 * (i % modes))
		}
		return x
	}
	f := mustFidelity(t, mixture(4), mixture(3), d, k)
	if !(f.Recall <= .75 && f.Recall > .65 && f.Coverage <= .75 && f.Coverage > .65 && f.Precision > .9) {
		t.Errorf("%+v, want recall and coverage at most .75 and near it, precision near 1", f)
	}
	g := mustFidelity(t, mixture(3), mixture(4), d, k)
	if !(g.Precision <= .75 && g.Precision > .65 && g.Recall > .9) {
		t.Errorf("%+v with a mode that the data lacks, want precision at most .75 and near it, recall near 1", g)
	}
}

// The order of rows does not matter, nor does the number of workers, nor a rotation and scaling by a permutation of the axes and a power of 2.
func TestFidelityIsInvariant(t *testing.T) {
	const n, d, k = 500, 6, 4
	rng := rand.New(rand.NewPCG(10, 11))
	x, y := normal(rng, n, d, 0, 1), normal(rng, n, d, .3, 1)
	want := mustFidelity(t, x, y, d, k)
	shuffled := func(x []float32) []float32 {
		out := make([]float32, 0, len(x))
		for _, i := range rng.Perm(n) {
			for l := range d {
				out = append(out, 4*x[i*d+(l+1)%d])
			}
		}
		return out
	}
	sameFidelity(t, "shuffled", mustFidelity(t, shuffled(x), shuffled(y), d, k), want, 0)
	for _, workers := range []int{1, 2, 5} {
		pool := parallel.New(workers)
		r, err := NewReference(pool, x, n, d, k)
		if err != nil {
			t.Fatal(err)
		}
		got, err := r.Fidelity(y, n)
		if err != nil || got != want {
			t.Errorf("%d workers: %+v %v, want %+v", workers, got, err, want)
		}
		pool.Close()
	}
}
