package clouds_test

import (
	"context"
	"errors"
	"math"
	"testing"

	"github.com/sinkcpu/sinkcpu/logsumexp"
	"github.com/sinkcpu/sinkcpu/nn"
	"github.com/sinkcpu/sinkcpu/nn/clouds"
	"github.com/sinkcpu/sinkcpu/sinkhorn"
)

// atConvergence returns the values of the terms by package sinkhorn and adds their derivatives to the clouds of dx.
func atConvergence(t *testing.T, ground logsumexp.Ground, terms []clouds.Term[float64], dx []*nn.Tensor[float64], eps, reach float64, value sinkhorn.Value) (values []sinkhorn.Values) {
	t.Helper()
	for _, term := range terms {
		n, m, d := term.X.Rows(), term.Y.Rows(), term.X.Cols()
		c := make([]float64, n*m)
		logsumexp.FormCosts(nil, ground, c, m, term.X.Data(), term.Y.Data(), n, m, d)
		r := sinkhorn.Reach{}
		if reach > 0 {
			r = sinkhorn.Reach{Penalty: sinkhorn.KL, Rho: reach}
		}
		p, err := sinkhorn.NewUnbalanced(logsumexp.NewStored(c, n, m, m), nil, nil, r, r)
		if err != nil {
			t.Fatal(err)
		}
		solver := sinkhorn.Solver[float64]{Eps: eps, Tol: 1e-13, MaxIter: 100000}
		result, err := solver.Solve(context.Background(), p)
		if err != nil {
			t.Fatal(err)
		}
		values = append(values, sinkhorn.Values{Sharp: result.TransportCost(), Entropic: result.Value()})
		by := sinkhorn.Derivative[float64]{C: make([]float64, n*m)}
		derive := result.Envelope
		if value == sinkhorn.Sharp {
			derive = result.Implicit
		}
		if err := derive(&by); err != nil {
			t.Fatal(err)
		}
		if term.DX == nil && term.DY == nil {
			continue
		}
		own, other := dx[0].Data(), dx[1].Data()
		if clouds.SameCloud(term.X, term.Y) {
			other = own
		}
		logsumexp.PullCosts(nil, ground, term.Weight, by.C, c, term.X.Data(), term.Y.Data(), n, m, d, own, other)
	}
	return values
}

// Values and derivatives at convergence are those of package sinkhorn, of terms between clouds and of a cloud against itself, in one call, for either
// value and with a reach.
func TestSolvedIsSinkhorns(t *testing.T) {
	const n, d = 9, 2
	table := clouds.NewHost[float64](nn.NewCPU[float64](nil))
	for _, ground := range []logsumexp.Ground{logsumexp.SqEuclidean, logsumexp.Euclidean, logsumexp.Cosine} {
		for _, eps := range []float64{.2, 2} {
			for _, c := range []struct {
				value sinkhorn.Value
				reach float64
			}{{sinkhorn.Sharp, 0}, {sinkhorn.Entropic, 0}, {sinkhorn.Entropic, 1.5}} {
				x, y := cloud(1, n, d), cloud(2, n, d)
				zeros := func() []*nn.Tensor[float64] {
					return []*nn.Tensor[float64]{nn.NewTensor[float64](n, d), nn.NewTensor[float64](n, d)}
				}
				own, by := zeros(), zeros()
				terms := []clouds.Term[float64]{{X: x, Y: y, DX: own[0], DY: own[1], Weight: 2}, {X: x, Y: x, DX: own[0], DY: own[0], Weight: -1}, {X: y, Y: y}}
				s := clouds.NewSolved[float64](table, ground)
				s.Costs(terms)
				there, err := s.Solve(context.Background(), eps, 20000, c.reach, 1e-12)
				if err != nil || !there || s.Iterations() < 1 {
					t.Fatalf("%s, eps %g: converged %v after %d, %v", ground, eps, there, s.Iterations(), err)
				}
				s.Backward(c.value)
				want := atConvergence(t, ground, terms, by, eps, c.reach, c.value)
				for k, v := range s.Values() {
					if !(math.Abs(v.Sharp-want[k].Sharp) <= 1e-9) || !(math.Abs(v.Entropic-want[k].Entropic) <= 1e-9) || !(v.MarginalError <= 1e-12) {
						t.Errorf("%s, eps %g, reach %g, term %d: %.12g, want %.12g", ground, eps, c.reach, k, v, want[k])
					}
				}
				for k := range own {
					for i, v := range own[k].Data() {
						if w := by[k].Data()[i]; !(math.Abs(v-w) <= 1e-8) {
							t.Fatalf("%s, value %d, eps %g, reach %g: derivative %d of cloud %d is %.12g, want %.12g", ground, c.value, eps, c.reach, i, k, v, w)
						}
					}
				}
			}
		}
	}
}

// Iterations end at their bound, with what is left told, and where the context does; the error of a cloud against itself is that of both its marginals.
func TestSolvedStops(t *testing.T) {
	x, y := cloud(1, 12, 2), cloud(2, 12, 2)
	table := clouds.NewHost[float64](nn.NewCPU[float64](nil))
	s := clouds.NewSolved[float64](table, logsumexp.SqEuclidean)
	s.Costs([]clouds.Term[float64]{{X: x, Y: y}, {X: x, Y: x}})
	there, err := s.Solve(context.Background(), .05, 5, 0, 1e-9)
	if there || err != nil || s.Iterations() != 5 {
		t.Errorf("converged %v after %d iterations, %v", there, s.Iterations(), err)
	}
	for k, v := range s.Values() {
		if !(v.MarginalError > 1e-9) {
			t.Errorf("term %d: %+v", k, v)
		}
	}
	c := make([]float64, 12*12)
	logsumexp.FormCosts(nil, logsumexp.SqEuclidean, c, 12, x.Data(), x.Data(), 12, 12, 2)
	p, err := sinkhorn.NewSelfProblem(logsumexp.NewStored(c, 12, 12, 12), nil)
	if err != nil {
		t.Fatal(err)
	}
	solver := sinkhorn.Solver[float64]{Eps: .05, Tol: s.Values()[1].MarginalError * 1.0001, MaxIter: 100}
	r, err := solver.Solve(context.Background(), p)
	if err != nil || r.Iterations > 6 {
		t.Errorf("package sinkhorn needs %d iterations to the same error, %v", r.Iterations, err)
	}
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := s.Solve(ended, .05, 5, 0, 1e-9); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	for _, bad := range []struct {
		eps, reach, tol float64
		steps           int
	}{{0, 0, 1, 1}, {math.NaN(), 0, 1, 1}, {math.Inf(1), 0, 1, 1}, {1, -1, 1, 1}, {1, 0, 0, 1}, {1, 0, 1, 0}} {
		if _, err := s.Solve(context.Background(), bad.eps, bad.steps, bad.reach, bad.tol); err == nil {
			t.Errorf("%+v: no error", bad)
		}
	}
}

// Where alternation is slow it is over-relaxed, and ends where plain sweeps do in a third of their iterations or less; so does the system of the derivative.
func TestSolvedRelaxes(t *testing.T) {
	const n = 90
	table := clouds.NewHost[float64](nn.NewCPU[float64](nil))
	x, y := cloud(1, n, 2), cloud(2, n, 2)
	zeros := func() []*nn.Tensor[float64] {
		return []*nn.Tensor[float64]{nn.NewTensor[float64](n, 2), nn.NewTensor[float64](n, 2)}
	}
	own, by := zeros(), zeros()
	terms := []clouds.Term[float64]{{X: x, Y: y, DX: own[0], DY: own[1], Weight: 1}}
	s := clouds.NewSolved[float64](table, logsumexp.SqEuclidean)
	s.Costs(terms)
	const tol = 1e-8
	eps := .05 * s.Means()[0]
	if there, err := s.Solve(context.Background(), eps, 20000, 0, tol); err != nil || !there {
		t.Fatal(there, err)
	}
	c := make([]float64, n*n)
	logsumexp.FormCosts(nil, logsumexp.SqEuclidean, c, n, x.Data(), y.Data(), n, n, 2)
	p, err := sinkhorn.NewProblem(logsumexp.NewStored(c, n, n, n), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	solver := sinkhorn.Solver[float64]{Eps: eps, Tol: tol, MaxIter: 200000, Method: sinkhorn.Sweep}
	plain, err := solver.Solve(context.Background(), p)
	if err != nil {
		t.Fatal(err)
	}
	if 3*s.Iterations() > plain.Iterations {
		t.Errorf("%d iterations, %d of plain sweeps", s.Iterations(), plain.Iterations)
	}
	s.Backward(sinkhorn.Sharp)
	want := atConvergence(t, logsumexp.SqEuclidean, terms, by, eps, 0, sinkhorn.Sharp)
	if got := s.Values()[0]; !(math.Abs(got.Sharp-want[0].Sharp) <= 1e-6) || !(math.Abs(got.Entropic-want[0].Entropic) <= 1e-10) {
		t.Errorf("%.12g, want %.12g", got, want[0])
	}
	for k := range own {
		for i, v := range own[k].Data() {
			if w := by[k].Data()[i]; !(math.Abs(v-w) <= 1e-5) {
				t.Fatalf("derivative %d of cloud %d is %.12g, want %.12g", i, k, v, w)
			}
		}
	}
	t.Logf("%d iterations, %d of plain sweeps", s.Iterations(), plain.Iterations)
}
