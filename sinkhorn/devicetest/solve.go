package devicetest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/sinkcpu/sinkcpu/kernels"
	"github.com/sinkcpu/sinkcpu/logsumexp"
	"github.com/sinkcpu/sinkcpu/sinkhorn"
)

// valueTolerance is the relative accuracy of values in float32.
const valueTolerance = 2e-5

// testSolve: solves, divergences and gradients agree with those of float64 on the processor.
func testSolve(t *testing.T, d sinkhorn.Device) {
	for k, c := range []struct {
		n, m, dim int
		share     float64 // eps over the mean cost
		ground    logsumexp.Ground
		x, y      sinkhorn.Reach
		empty     bool // some points have no mass
	}{
		{60, 50, 2, .1, logsumexp.SqEuclidean, sinkhorn.Reach{}, sinkhorn.Reach{}, false},
		{40, 70, 3, .01, logsumexp.SqEuclidean, sinkhorn.Reach{}, sinkhorn.Reach{}, true},
		{48, 48, 20, .05, logsumexp.HalfSqEuclidean, sinkhorn.Reach{}, sinkhorn.Reach{}, false},
		{64, 30, 2, .1, logsumexp.SqEuclidean, sinkhorn.Reach{Penalty: sinkhorn.KL, Rho: 1}, sinkhorn.Reach{Penalty: sinkhorn.KL, Rho: 1}, true},
		{30, 40, 2, .1, logsumexp.SqEuclidean, sinkhorn.Reach{Penalty: sinkhorn.TV, Rho: .8}, sinkhorn.Reach{Penalty: sinkhorn.TV, Rho: .8}, false},
		{50, 50, 5, .05, logsumexp.Euclidean, sinkhorn.Reach{}, sinkhorn.Reach{}, false},
		{50, 40, 5, .1, logsumexp.L1, sinkhorn.Reach{}, sinkhorn.Reach{}, false},
		{40, 50, 6, .1, logsumexp.Cosine, sinkhorn.Reach{}, sinkhorn.Reach{}, false},
		{45, 40, 3, .1, logsumexp.DotProduct, sinkhorn.Reach{}, sinkhorn.Reach{}, false},
	} {
		t.Run(fmt.Sprintf("%v/%dx%d", c.ground, c.n, c.m), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(uint64(k), 11))
			clouds := &clouds{ground: c.ground, n: c.n, m: c.m, d: c.dim, x: normals(rng, c.n*c.dim, 1), y: normals(rng, c.m*c.dim, 1)}
			for i := range clouds.y {
				clouds.y[i] += .5
			}
			clouds.a, clouds.b = weights(rng, c.n), weights(rng, c.m)
			if c.empty {
				clouds.a[3], clouds.b[0], clouds.b[7] = 0, 0, 0
				scaleToOne(clouds.a)
				scaleToOne(clouds.b)
			}
			clouds.rx, clouds.ry = c.x, c.y
			clouds.compare(t, d, c.share)
		})
	}
}

// clouds are two clouds of points.
type clouds struct {
	ground     logsumexp.Ground
	n, m, d    int
	x, y, a, b []float64
	rx, ry     sinkhorn.Reach
}

func (c *clouds) compare(t *testing.T, d sinkhorn.Device, share float64) {
	mean := meanCost(c)
	eps, tol := share*mean, valueTolerance*max(1, mean)
	here := solveClouds[float64](t, &sinkhorn.Solver[float64]{Eps: eps, Tol: 1e-10}, c)
	there := solveClouds[float32](t, &sinkhorn.Solver[float32]{Eps: eps, Device: d}, c)
	for name, pair := range map[string][2]float64{
		"value":          {there.div.XY.Value(), here.div.XY.Value()},
		"transport cost": {there.div.XY.TransportCost(), here.div.XY.TransportCost()},
		"self value":     {there.div.XX.Value(), here.div.XX.Value()},
		"divergence":     {there.div.Value(), here.div.Value()},
	} {
		if !(math.Abs(pair[0]-pair[1]) <= tol) {
			t.Errorf("%s %.9g, want %.9g to %.2g", name, pair[0], pair[1], tol)
		}
	}
	for _, r := range []*sinkhorn.Result[float32]{there.div.XY, there.div.XX, there.div.YY} {
		if r.DeviceFault != nil {
			t.Errorf("the device failed: %v", r.DeviceFault)
		}
		lower, upper := r.Bounds()
		if want := here.div.XY.Value(); r == there.div.XY && !(lower <= want && want <= upper) {
			t.Errorf("bounds [%.9g, %.9g] do not hold %.9g", lower, upper, want)
		}
	}
	if required := c.ground == logsumexp.SqEuclidean || c.ground == logsumexp.HalfSqEuclidean; required && there.div.XY.Device == "" {
		t.Error("the device had nothing for it")
	}
	var most, off float64
	for i, v := range here.gradient {
		most, off = max(most, math.Abs(v)), max(off, math.Abs(there.gradient[i]-v))
	}
	if bound := 1e-3 + c.unit(t, d)*math.Log2E/eps*c.length(); !(off <= bound*most) {
		t.Errorf("the gradient is off by %.2g of its largest entry, want at most %.2g", off/most, bound)
	}
}

// unit returns the rounding of products on a device; nothing else of the points matters for it than their costs and their dimension.
func (c *clouds) unit(t *testing.T, d sinkhorn.Device) float64 {
	one := []float64{1}
	x := make([]float32, c.d)
	x[0] = 1
	fl, err := d.Load(&sinkhorn.DeviceProblem{N: 1, M: 1, Ground: c.ground, Dim: c.d, X: x, Y: x, A: one, B: one, Largest: 1})
	if errors.Is(err, errors.ErrUnsupported) {
		return 0
	}
	check(t, err)
	defer fl.Close()
	return fl.Unit()
}

// length returns the mean of |x|^2, which is about that of |x||y|: what products are rounded in proportion to.
func (c *clouds) length() float64 {
	if c.ground == logsumexp.Cosine {
		return 1
	}
	var sum float64
	for _, v := range c.x {
		sum += v * v
	}
	return sum / float64(c.n)
}

type solved[T kernels.Float] struct {
	div      *sinkhorn.Divergence[T]
	gradient []float64
}

func solveClouds[T kernels.Float](t *testing.T, s *sinkhorn.Solver[T], c *clouds) solved[T] {
	t.Helper()
	points := func(x, y, a, b []float64, n, m int) *logsumexp.Points[T] {
		p, err := logsumexp.NewPoints[T](c.ground, x, y, a, b, n, m, c.d)
		check(t, err)
		return p
	}
	pxy, pxx, pyy := points(c.x, c.y, c.a, c.b, c.n, c.m), points(c.x, c.x, c.a, c.a, c.n, c.n), points(c.y, c.y, c.b, c.b, c.m, c.m)
	xy, err1 := sinkhorn.NewUnbalanced(pxy, c.a, c.b, c.rx, c.ry)
	xx, err2 := sinkhorn.NewUnbalancedSelf(pxx, c.a, c.rx)
	yy, err3 := sinkhorn.NewUnbalancedSelf(pyy, c.b, c.ry)
	check(t, errors.Join(err1, err2, err3))
	div, err := s.Divergence(context.Background(), xy, xx, yy)
	check(t, err)
	out := solved[T]{div, make([]float64, c.n*c.d)}
	div.XY.Gradient(out.gradient, pxy)
	return out
}

func meanCost(c *clouds) (mean float64) {
	p, err := logsumexp.NewPoints[float64](c.ground, c.x, c.y, c.a, c.b, c.n, c.m, c.d)
	if err != nil {
		return math.NaN()
	}
	u, v := p.Shift()
	buf := make([]float64, c.m)
	for i := range c.n {
		row, _ := p.Tile(buf, i, i+1, 0, c.m)
		for j, cost := range row {
			mean += math.Abs(cost + at(u, i) + at(v, j))
		}
	}
	return mean / float64(c.n*c.m)
}

func scaleToOne(w []float64) {
	total := sum(w)
	for i := range w {
		w[i] /= total
	}
}
