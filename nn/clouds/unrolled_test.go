package clouds_test

import (
	"context"
	"math"
	"testing"

	"github.com/sinkcpu/sinkcpu/internal/random"
	"github.com/sinkcpu/sinkcpu/logsumexp"
	"github.com/sinkcpu/sinkcpu/nn"
	"github.com/sinkcpu/sinkcpu/nn/clouds"
	"github.com/sinkcpu/sinkcpu/nn/clouds/cloudstest"
	"github.com/sinkcpu/sinkcpu/sinkhorn"
)

// The table of the host in float32 beside itself in float64.
func TestHost(t *testing.T) {
	cloudstest.Run(t, clouds.NewHost[float32](nn.NewCPU[float32](nil)))
}

func cloud(seed uint64, n, d int) *nn.Tensor[float64] {
	x := nn.NewTensor[float64](n, d)
	random.Normal(random.New(seed, "x"), x.Data(), .3, 1)
	return x
}

// reference returns the values of the terms by package sinkhorn and adds their derivatives to the clouds of dx.
func reference(t *testing.T, ground logsumexp.Ground, terms []clouds.Term[float64], dx []*nn.Tensor[float64], eps float64, steps int, reach float64, value sinkhorn.Value) []sinkhorn.Values {
	t.Helper()
	var problems []*sinkhorn.Problem[float64]
	var costs [][]float64
	var byCost []*sinkhorn.Derivative[float64]
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
		problems, costs = append(problems, p), append(costs, c)
		byCost = append(byCost, &sinkhorn.Derivative[float64]{C: make([]float64, n*m)})
	}
	var u sinkhorn.Unrolled[float64]
	s := sinkhorn.Solver[float64]{Eps: eps}
	if err := s.Unroll(context.Background(), &u, steps, problems...); err != nil {
		t.Fatal(err)
	}
	if err := u.Backward(value, byCost...); err != nil {
		t.Fatal(err)
	}
	var values []sinkhorn.Values
	for k, term := range terms {
		values = append(values, u.Values(k))
		if term.DX == nil && term.DY == nil {
			continue
		}
		var dy []float64
		if term.DY != nil {
			dy = dx[1].Data()
			if clouds.SameCloud(term.X, term.Y) {
				dy = dx[0].Data()
			}
		}
		logsumexp.PullCosts(nil, ground, term.Weight, byCost[k].C, costs[k], term.X.Data(), term.Y.Data(), term.X.Rows(), term.Y.Rows(), term.X.Cols(), dx[0].Data(), dy)
	}
	return values
}

// Iterations and their derivative are those of package sinkhorn, for every ground, value and reach, between clouds of different sizes and of a
// cloud against itself, at temperatures down to where the processor's kernels leave their range.
func TestUnrolledIsSinkhorns(t *testing.T) {
	const n, m, d, steps = 13, 9, 3, 6
	power, err := logsumexp.Power(1.5)
	if err != nil {
		t.Fatal(err)
	}
	table := clouds.NewHost[float64](nn.NewCPU[float64](nil))
	for _, ground := range []logsumexp.Ground{logsumexp.SqEuclidean, logsumexp.HalfSqEuclidean, logsumexp.Euclidean, power, logsumexp.L1, logsumexp.Cosine, logsumexp.DotProduct} {
		for _, value := range []sinkhorn.Value{sinkhorn.Sharp, sinkhorn.Entropic} {
			for _, eps := range []float64{.01, .3, 20} {
				for _, reach := range []float64{0, 2} {
					x, y := cloud(1, n, d), cloud(2, m, d)
					own, by := []*nn.Tensor[float64]{nn.NewTensor[float64](n, d), nn.NewTensor[float64](m, d)}, []*nn.Tensor[float64]{nn.NewTensor[float64](n, d), nn.NewTensor[float64](m, d)}
					sets := [][]clouds.Term[float64]{
						{{X: x, Y: y, DX: own[0], DY: own[1], Weight: 2}},
						{{X: x, Y: x, DX: own[0], DY: own[0], Weight: -1}, {X: x, Y: x, DX: own[0], DY: own[0], Weight: .5}, {X: x, Y: x}},
					}
					for k, terms := range sets {
						u := clouds.NewUnrolled[float64](table, ground)
						u.Costs(terms)
						if err := u.Iterate(eps, steps, reach); err != nil {
							t.Fatal(err)
						}
						u.Backward(value)
						got, want := u.Values(), reference(t, ground, terms, by, eps, steps, reach, value)
						for q, v := range got {
							for _, off := range []float64{v.Sharp - want[q].Sharp, v.Entropic - want[q].Entropic, v.MarginalError - want[q].MarginalError} {
								if !(math.Abs(off) <= 1e-11) {
									t.Errorf("%s, eps %g, reach %g, terms %d: %.15g, want %.15g", ground, eps, reach, k, v, want[q])
								}
							}
						}
						var largest float64
						for c := range own {
							for i := range by[c].Data() {
								largest = max(largest, math.Abs(by[c].Data()[i]))
							}
						}
						for c := range own {
							for i, v := range own[c].Data() {
								if w := by[c].Data()[i]; !(math.Abs(v-w) <= 1e-9*largest) {
									t.Fatalf("%s, value %d, eps %g, reach %g, terms %d: derivative %d of cloud %d is %g, want %g", ground, value, eps, reach, k, i, c, v, w)
								}
							}
						}
					}
				}
			}
		}
	}
}

// What cannot be iterated is an error.
func TestUnrolledErrors(t *testing.T) {
	x := cloud(1, 4, 2)
	u := clouds.NewUnrolled[float64](clouds.NewHost[float64](nn.NewCPU[float64](nil)), logsumexp.SqEuclidean)
	u.Costs([]clouds.Term[float64]{{X: x, Y: x}})
	for _, c := range []struct {
		eps   float64
		steps int
		reach float64
	}{{0, 1, 0}, {math.NaN(), 1, 0}, {math.Inf(1), 1, 0}, {1, 0, 0}, {1, 1, -1}, {1, 1, math.NaN()}} {
		if u.Iterate(c.eps, c.steps, c.reach) == nil {
			t.Errorf("%+v: no error", c)
		}
	}
}
