package sinkhorn_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/sinkcpu/sinkcpu/internal/random"
	"github.com/sinkcpu/sinkcpu/kernels"
	"github.com/sinkcpu/sinkcpu/logsumexp"
	"github.com/sinkcpu/sinkcpu/sinkhorn"
)

// golden solves x = (0,1,3) against y = (.5,2,2.5,4), uniform, under (x-y)^2 at eps = .7.
func golden(t *testing.T, tol float64) (*sinkhorn.Result[float64], *logsumexp.Points[float64], error) {
	t.Helper()
	c, err := logsumexp.NewPoints[float64](logsumexp.SqEuclidean, []float64{0, 1, 3}, []float64{.5, 2, 2.5, 4}, nil, nil, 3, 4, 1)
	if err != nil {
		t.Fatal(err)
	}
	p, err := sinkhorn.NewProblem(c, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	s := sinkhorn.Solver[float64]{Eps: .7, Tol: tol, MaxIter: 100}
	r, err := s.Solve(context.Background(), p)
	return r, c, err
}

// TestSharpAndEntropicGradients: the two derivatives differ; values from the theory's worked example, checked there by differences.
func TestSharpAndEntropicGradients(t *testing.T) {
	r, c, err := golden(t, 1e-13)
	if err != nil {
		t.Fatal(err)
	}
	dx := make([]float64, 3)
	r.Gradient(dx, c)
	nearAll(t, "entropic gradient", dx, []float64{-0.6224762445825845, -0.7994198605947312, -0.4114372281559946}, 1e-10)
	if err := r.SharpGradient(dx, c); err != nil {
		t.Fatal(err)
	}
	nearAll(t, "sharp gradient", dx, []float64{-0.5066338135234674, -0.8996110950702763, -0.42708842473959496}, 1e-10)
}

// TestUnrolledTendsToLimit: the derivatives of L steps, by points and by weights, tend to those of their limit: of the sharp value to the
// implicit ones, of the dual to those of the envelope.
func TestUnrolledTendsToLimit(t *testing.T) {
	for _, reach := range []sinkhorn.Reach{exact, kl} {
		s := newSetting("sqeuclidean", 5, 6, 2, .3, reach, reach)
		limit, points := s.solve(t)
		var u sinkhorn.Unrolled[float64]
		solver := sinkhorn.Solver[float64]{Eps: s.eps}
		if err := solver.Unroll(context.Background(), &u, 1000, s.problem(t, points)); err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			value  sinkhorn.Value
			derive func(*sinkhorn.Derivative[float64]) error
		}{{sinkhorn.Sharp, limit.Implicit}, {sinkhorn.Entropic, limit.Envelope}} {
			got, want := s.derivative(points), s.derivative(points)
			if err := errors.Join(u.Backward(c.value, got), c.derive(want)); err != nil {
				t.Fatal(err)
			}
			nearAll(t, "x", got.DX, want.DX, 1e-8)
			nearAll(t, "y", got.DY, want.DY, 1e-8)
			nearAll(t, "a", got.DA, want.DA, 1e-8)
			nearAll(t, "b", got.DB, want.DB, 1e-8)
			nearAll(t, "C", got.C, want.C, 1e-8)
		}
	}
}

func (s *setting) derivative(points sinkhorn.Pull) *sinkhorn.Derivative[float64] {
	return &sinkhorn.Derivative[float64]{
		C: make([]float64, len(s.a)*len(s.b)), Points: points, DX: make([]float64, len(s.x)), DY: make([]float64, len(s.y)),
		DA: make([]float64, len(s.a)), DB: make([]float64, len(s.b)),
	}
}

// solve solves to rounding.
func (s *setting) solve(t testing.TB) (*sinkhorn.Result[float64], *logsumexp.Points[float64]) {
	t.Helper()
	points := s.points(t)
	solver := sinkhorn.Solver[float64]{Eps: s.eps, Tol: 1e-13, MaxIter: 100000}
	r, err := solver.Solve(context.Background(), s.problem(t, points))
	if err != nil {
		t.Fatal(err)
	}
	return r, points
}

// TestLimitsMeetDifferences holds the derivatives of OT_eps, of <C,P> and of a function of the plan at convergence, by points and weights of
// both sides, to differences of solved problems, for each kind of marginal.
func TestLimitsMeetDifferences(t *testing.T) {
	const n, m = 4, 5
	by := make([]float64, n*m)
	random.Normal(random.New(5, "by"), by, 0, 1)
	of := func(r *sinkhorn.Result[float64]) (sum float64) {
		p := make([]float64, n*m)
		r.Plan(p)
		return kernels.Dot(p, by)
	}
	for _, reach := range []struct {
		name string
		x, y sinkhorn.Reach
	}{{"balanced", exact, exact}, {"kl", kl, kl}, {"tv", tv, tv}, {"kl-exact", kl, exact}, {"exact-kl", exact, kl}} {
		for _, ground := range []string{"sqeuclidean", "euclidean", "cosine"} {
			t.Run(reach.name+"/"+ground, func(t *testing.T) {
				s := newSetting(ground, n, m, 2, .15, reach.x, reach.y)
				r, points := s.solve(t)
				for _, c := range []struct {
					name   string
					value  func(*sinkhorn.Result[float64]) float64
					derive func(*sinkhorn.Derivative[float64]) error
				}{
					{"value", (*sinkhorn.Result[float64]).Value, r.Envelope},
					{"transport cost", (*sinkhorn.Result[float64]).TransportCost, r.Implicit},
					{"function of the plan", of, func(d *sinkhorn.Derivative[float64]) error { return r.ImplicitPlan(d, by) }},
				} {
					d := s.derivative(points)
					if err := c.derive(d); err != nil {
						t.Fatal(err)
					}
					for _, by := range []struct {
						name    string
						at, got []float64
					}{{"x", s.x, d.DX}, {"y", s.y, d.DY}, {"a", s.a, d.DA}, {"b", s.b, d.DB}} {
						want := make([]float64, len(by.at))
						for i := range want {
							want[i] = difference(by.at, i, 1e-3, func() float64 {
								r, _ := s.solve(t)
								return c.value(r)
							})
						}
						nearAll(t, c.name+" by "+by.name, by.got, want, 1e-6)
					}
				}
			})
		}
	}
}

// TestHessianProducts holds products with the Hessian of the value, in both clouds, to differences of the gradient. At this eps no
// potential of the TV problems is so near to the end of its range that a difference goes across.
func TestHessianProducts(t *testing.T) {
	const n, m, d = 4, 5, 2
	for _, ground := range []string{"sqeuclidean", "halfsqeuclidean", "euclidean", "cosine", "dot", "pow:1.5", "pow:3", "l1"} {
		for _, reach := range []sinkhorn.Reach{exact, kl, tv} {
			s := newSetting(ground, n, m, d, .25, reach, reach)
			r, points := s.solve(t)
			dx, dy := make([]float64, n*d), make([]float64, m*d)
			random.Normal(random.New(3, "dx"), dx, 0, 1)
			random.Normal(random.New(3, "dy"), dy, 0, 1)
			hx, hy := make([]float64, n*d), make([]float64, m*d)
			if err := r.HessianProduct(hx, hy, dx, dy, points); err != nil {
				t.Fatal(err)
			}
			x, y := slices.Clone(s.x), slices.Clone(s.y)
			gradient := func(h float64) []float64 {
				copy(s.x, x)
				copy(s.y, y)
				kernels.Axpy(s.x, h, dx)
				kernels.Axpy(s.y, h, dy)
				r, points := s.solve(t)
				d := sinkhorn.Derivative[float64]{Points: points, DX: make([]float64, n*d), DY: make([]float64, m*d)}
				if err := r.Envelope(&d); err != nil {
					t.Fatal(err)
				}
				return append(d.DX, d.DY...)
			}
			const h = 5e-4
			want := slopes(gradient, h)
			nearAll(t, fmt.Sprintf("%s, penalty %d", ground, reach.Penalty), append(hx, hy...), want, 1e-6)
		}
	}
}

// slopes returns the derivative of f at 0 by central differences of fourth order.
func slopes(f func(h float64) []float64, h float64) []float64 {
	up, down, up2, down2 := f(h), f(-h), f(2*h), f(-2*h)
	for i := range up {
		up[i] = (8*(up[i]-down[i]) - (up2[i] - down2[i])) / (12 * h)
	}
	return up
}

// TestDivergenceHessian holds products with the Hessian of the divergence to differences of its gradient, and to what moving both clouds
// alike must give: none.
func TestDivergenceHessian(t *testing.T) {
	const n, m, d = 5, 6, 2
	s := newSetting("sqeuclidean", n, m, d, .2, exact, exact)
	solve := func() (*sinkhorn.Divergence[float64], *logsumexp.Points[float64], *logsumexp.Points[float64]) {
		points := func(x, y []float64, n, m int) *logsumexp.Points[float64] {
			p, err := logsumexp.NewPoints[float64](logsumexp.SqEuclidean, x, y, nil, nil, n, m, d)
			if err != nil {
				t.Fatal(err)
			}
			return p
		}
		cxy, cxx, cyy := points(s.x, s.y, n, m), points(s.x, s.x, n, n), points(s.y, s.y, m, m)
		xy, err1 := sinkhorn.NewProblem(cxy, s.a, s.b)
		xx, err2 := sinkhorn.NewSelfProblem(cxx, s.a)
		yy, err3 := sinkhorn.NewSelfProblem(cyy, s.b)
		if err := errors.Join(err1, err2, err3); err != nil {
			t.Fatal(err)
		}
		div, err := (&sinkhorn.Solver[float64]{Eps: s.eps, Tol: 1e-13}).Divergence(context.Background(), xy, xx, yy)
		if err != nil {
			t.Fatal(err)
		}
		return div, cxy, cxx
	}
	div, cxy, cxx := solve()
	dx, hx := make([]float64, n*d), make([]float64, n*d)
	random.Normal(random.New(3, "dx"), dx, 0, 1)
	if err := div.HessianProduct(hx, dx, cxy, cxx); err != nil {
		t.Fatal(err)
	}
	x := slices.Clone(s.x)
	want := slopes(func(h float64) []float64 {
		copy(s.x, x)
		kernels.Axpy(s.x, h, dx)
		div, cxy, cxx := solve()
		g := make([]float64, n*d)
		div.Gradient(g, cxy, cxx)
		return g
	}, 5e-4)
	nearAll(t, "divergence", hx, want, 1e-6)
	copy(s.x, x)
	for i := range dx { // S(x + t, y) = S(x, y) + 2 <t, mean difference> + |t|^2 for the squared cost: the Hessian along t is 2 a_i t
		dx[i] = float64(1 + i%d)
	}
	if err := div.HessianProduct(hx, dx, cxy, cxx); err != nil {
		t.Fatal(err)
	}
	for i := range hx {
		if want := 2 * s.a[i/d] * dx[i]; !(math.Abs(hx[i]-want) <= 1e-9) {
			t.Errorf("along a translation the product is %g at %d, want %g", hx[i], i, want)
		}
	}
}

// TestTranslationUnrolled: moving both clouds alike changes no value after L steps, so that all derivatives by the points sum to 0.
func TestTranslationUnrolled(t *testing.T) {
	const n, m, d = 6, 7, 2
	s := newSetting("sqeuclidean", n, m, d, .2, exact, exact)
	for _, c := range []sinkhorn.Value{sinkhorn.Sharp, sinkhorn.Entropic} {
		var u sinkhorn.Unrolled[float64]
		points := s.points(t)
		if err := (&sinkhorn.Solver[float64]{Eps: s.eps}).Unroll(context.Background(), &u, 7, s.problem(t, points)); err != nil {
			t.Fatal(err)
		}
		w := s.derivative(points)
		if err := u.Backward(c, w); err != nil {
			t.Fatal(err)
		}
		for k := range d {
			var sum float64
			for i, v := range w.DX {
				if i%d == k {
					sum += v
				}
			}
			for j, v := range w.DY {
				if j%d == k {
					sum += v
				}
			}
			near(t, "sum of all derivatives", sum, 0, 1e-12)
		}
	}
}

func TestLimitRefuses(t *testing.T) {
	r, c, err := golden(t, 1e-30)
	if !errors.Is(err, sinkhorn.ErrNotConverged) {
		t.Fatal(err)
	}
	d := sinkhorn.Derivative[float64]{Points: c, DX: make([]float64, 3)}
	for name, err := range map[string]error{
		"sharp": r.SharpGradient(make([]float64, 3), c), "envelope": r.Envelope(&d), "implicit": r.Implicit(&d),
		"plan": r.ImplicitPlan(&d, make([]float64, 12)), "hessian": r.HessianProduct(d.DX, nil, d.DX, nil, c),
	} {
		if !errors.Is(err, sinkhorn.ErrNotConverged) {
			t.Errorf("%s of a result that did not converge: error %v", name, err)
		}
	}
	r, c, err = golden(t, 1e-10)
	if err != nil {
		t.Fatal(err)
	}
	for name, d := range map[string]sinkhorn.Derivative[float64]{
		"points": {DX: make([]float64, 3)}, "cost": {C: make([]float64, 11)}, "weights": {DA: make([]float64, 2)}, "size": {Points: c, DY: make([]float64, 5)},
	} {
		if err := r.Implicit(&d); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
