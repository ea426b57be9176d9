package sinkhorn_test

import (
	"context"
	"errors"
	"math"
	"math/bits"
	"slices"
	"testing"

	"github.com/sinkcpu/sinkcpu/internal/parallel"
	"github.com/sinkcpu/sinkcpu/internal/random"
	"github.com/sinkcpu/sinkcpu/kernels"
	"github.com/sinkcpu/sinkcpu/logsumexp"
	"github.com/sinkcpu/sinkcpu/sinkhorn"
)

// pooled is the cost of n points of N(0,1)^2 and m of N(shift,1)^2.
func pooled(t *testing.T, seed uint64, n, m int, shift float64) *logsumexp.Stored[float32] {
	t.Helper()
	x := make([]float64, 2*(n+m))
	random.Normal(random.New(seed, "pooled"), x[:2*n], 0, 1)
	random.Normal(random.New(seed, "other"), x[2*n:], shift, 1)
	c, err := logsumexp.NewPoints[float32](logsumexp.SqEuclidean, x, x, nil, nil, n+m, n+m, 2)
	if err != nil {
		t.Fatal(err)
	}
	return c.Form(nil)
}

// TestDriftLevels: under one law the p-value is uniform: of 40 tests, 2 are expected below .05, and at least 8 have probability 1e-3; under
// a shift of one standard deviation it is the least that there can be, and the divergence is near 2.
func TestDriftLevels(t *testing.T) {
	s := sinkhorn.Solver[float32]{Eps: .5}
	const reps = 39
	low := 0
	for seed := range uint64(40) {
		d, err := s.Drift(context.Background(), pooled(t, seed, 20, 25, 0), 20, reps, seed)
		if err != nil {
			t.Fatal(err)
		}
		if d.PValue <= .05 {
			low++
		}
	}
	if low >= 8 {
		t.Errorf("%d of 40 tests of equal laws reject at 5 %%", low)
	}
	d, err := s.Drift(context.Background(), pooled(t, 1, 60, 50, 1), 60, reps, 1)
	if err != nil {
		t.Fatal(err)
	}
	if d.PValue != 1./(reps+1) {
		t.Errorf("p-value %g of a shift by one standard deviation", d.PValue)
	}
	// |t|^2 = 2, with a standard error of about 2 |t| sqrt(1/60 + 1/50) = .54.
	if !(d.Divergence > .8 && d.Divergence < 3.2 && d.Lower < d.Upper && d.Lower < d.Divergence) {
		t.Errorf("divergence %g, interval [%g, %g]", d.Divergence, d.Lower, d.Upper)
	}
}

// TestDriftRedrawn: each divergence of a relabelling or a draw is told, in order.
func TestDriftRedrawn(t *testing.T) {
	var told []int
	s := sinkhorn.Solver[float32]{Eps: .5, Redrawn: func(done, reps int) { told = append(told, done, reps) }}
	want := []int{1, 3, 2, 3, 3, 3}
	if _, err := s.Bootstrap(context.Background(), pooled(t, 3, 15, 15, .3), 15, 3, 1); err != nil || !slices.Equal(told, want) {
		t.Errorf("%v; Bootstrap told %v", err, told)
	}
	told = nil
	if _, err := s.Drift(context.Background(), pooled(t, 3, 15, 15, .3), 15, 3, 1); err != nil || !slices.Equal(told, slices.Concat(want, want)) {
		t.Errorf("%v; Drift told %v", err, told)
	}
}

// TestDriftRepeats: the same bits for any number of workers, and errors for what cannot be compared.
func TestDriftRepeats(t *testing.T) {
	c := pooled(t, 3, 15, 15, .3)
	var first *sinkhorn.Drift
	for _, workers := range []int{1, 3} {
		pool := parallel.New(workers)
		defer pool.Close()
		s := sinkhorn.Solver[float32]{Eps: .5, Runner: pool}
		d, err := s.Drift(context.Background(), c, 15, 20, 1)
		if err != nil {
			t.Fatal(err)
		}
		if first == nil {
			first = d
		} else if *d != *first {
			t.Errorf("%+v on %d workers, %+v on one", *d, workers, *first)
		}
	}
	s := sinkhorn.Solver[float32]{Eps: .5}
	for _, c := range []struct{ n, reps int }{{1, 10}, {29, 10}, {15, 0}} {
		if _, err := s.Drift(context.Background(), pooled(t, 3, 15, 15, 0), c.n, c.reps, 1); err == nil {
			t.Errorf("n=%d, reps=%d: no error", c.n, c.reps)
		}
	}
}

// TestDriftStops: the end of the context ends a test within one divergence, and one that does not converge names the first alone.
func TestDriftStops(t *testing.T) {
	ctx, cancel := context.WithCancelCause(context.Background())
	stopped := errors.New("stopped")
	draws := 0
	c := logsumexp.NewRowFunc(40, 40, func(dst []float32, i, j0 int) {
		if i == 0 && j0 == 0 {
			if draws++; draws == 30 {
				cancel(stopped)
			}
		}
		for k := range dst {
			dst[k] = float32((i - j0 - k) * (i - j0 - k))
		}
	})
	var serial *parallel.Pool
	s := sinkhorn.Solver[float32]{Eps: 50, Runner: serial}
	if _, err := s.Drift(ctx, c, 20, 1000, 1); !errors.Is(err, stopped) {
		t.Errorf("error %v, want that of the context", err)
	}
	if draws > 40 {
		t.Errorf("row 0 was read %d times after the end of the context", draws-30)
	}
	s.MaxIter, s.Eps = 1, .5
	_, err := s.Bootstrap(context.Background(), pooled(t, 1, 20, 25, 1), 20, 50, 1)
	if !errors.Is(err, sinkhorn.ErrNotConverged) || len(err.Error()) > 1000 {
		t.Errorf("the error of 50 redrawings that do not converge: %v", err)
	}
}

// TestDriftTies: relabellings that change nothing count as ties. Of two points and two the six splits are three pairs of equal ones; of points of three
// values many splits have the same counts. Reference: all relabellings, each divergence solved by plain iterations in float64.
func TestDriftTies(t *testing.T) {
	for _, z := range [][]float64{{0, 1, 3, 7}, {0, 0, 1, 2, 2, 2}, {1, 1, 1, 1, 1}} {
		for n := 2; n <= len(z)-2; n++ {
			want := exactPValue(z, n, ties)
			const reps = 599
			for _, got := range []float64{driftOf[float32](t, z, n, reps), driftOf[float64](t, z, n, reps)} {
				if !(math.Abs(got-want) <= 4*math.Sqrt(want*(1-want)/reps)+2./reps) {
					t.Errorf("%v, the first %d: p-value %g, want %g", z, n, got, want)
				}
			}
		}
	}
}

const ties = .72 // the temperature of TestDriftTies

func driftOf[T kernels.Float](t *testing.T, z []float64, n, reps int) float64 {
	t.Helper()
	d, err := (&sinkhorn.Solver[T]{Eps: ties}).Drift(context.Background(), stored[T](z, z, len(z), len(z), 1, 1), n, reps, 1)
	if err != nil {
		t.Fatal(err)
	}
	return d.PValue
}

// exactPValue returns the share of the splits of z into n and the others whose divergence is at least that of the first n.
func exactPValue(z []float64, n int, eps float64) float64 {
	divergence := func(mask uint) float64 {
		var x, y []float64
		for k, v := range z {
			if mask>>k&1 == 1 {
				x = append(x, v)
			} else {
				y = append(y, v)
			}
		}
		return plainValue(x, y, eps) - plainValue(x, x, eps)/2 - plainValue(y, y, eps)/2
	}
	seen, larger, all := divergence(1<<n-1), 0, 0
	for mask := range uint(1) << len(z) {
		if bits.OnesCount(mask) == n {
			all++
			if divergence(mask) >= seen-1e-6 {
				larger++
			}
		}
	}
	return float64(larger) / float64(all)
}

// plainValue returns OT_eps of the squared distance between points of equal weights, by alternation in float64.
func plainValue(x, y []float64, eps float64) (sum float64) {
	softmin := func(v float64, z, g []float64) float64 {
		var s float64
		for k, u := range z {
			s += math.Exp((g[k]-(v-u)*(v-u))/eps) / float64(len(z))
		}
		return -eps * math.Log(s)
	}
	f, g := make([]float64, len(x)), make([]float64, len(y))
	for range 300 {
		for i, v := range x {
			f[i] = softmin(v, y, g)
		}
		for j, v := range y {
			g[j] = softmin(v, x, f)
		}
	}
	for _, v := range f {
		sum += v / float64(len(x))
	}
	for _, v := range g {
		sum += v / float64(len(y))
	}
	return sum
}
