package cuda_test

import (
	"context"
	"errors"
	"math"
	"os"
	"testing"

	"github.com/sinkcpu/sinkcpu/cuda"
	"github.com/sinkcpu/sinkcpu/cuda/internal/sim"
	"github.com/sinkcpu/sinkcpu/internal/ottest"
	"github.com/sinkcpu/sinkcpu/logsumexp"
	"github.com/sinkcpu/sinkcpu/sinkhorn"
)

// refs returns the folder of the reference values, which SINKCPU_REFS names where the test does not run in its package's folder.
func refs() string {
	if dir := os.Getenv("SINKCPU_REFS"); dir != "" {
		return dir
	}
	return "../../shared/refs/open"
}

// valueTol is what values in float32 may be off by, relative to the mean cost.
const valueTol = 2e-5

// TestReferences solves on the simulated device what an independent implementation solved: the larger problems, which take half a minute, with the
// tag exhaustive. TestReferencesOnDevice solves all on a real one.
func TestReferences(t *testing.T) {
	testReferences(t, cuda.NewSolver(simulated(t, sim.Options{})), most)
}

func TestReferencesOnDevice(t *testing.T) { testReferences(t, cuda.NewSolver(real(t)), 1<<30) }

func testReferences(t *testing.T, d sinkhorn.Device, most int) {
	for _, r := range ottest.References(t, refs()) {
		if r.N*r.M > most {
			continue
		}
		if r.Balanced != nil {
			t.Run(r.Name, func(t *testing.T) { testBalanced(t, d, r) })
		}
		for rho, want := range r.Unbalanced {
			t.Run(r.Name+"/unbalanced", func(t *testing.T) { testUnbalanced(t, d, r, rho, want) })
		}
	}
}

// onDevice returns the solver of the tests, for which a failure of the device is one of the solve.
func onDevice(d sinkhorn.Device, eps float64) *sinkhorn.Solver[float32] {
	return &sinkhorn.Solver[float32]{Eps: eps, Tol: 1e-5, MaxIter: 100000, Device: d, DeviceOnly: true}
}

// cost returns the cost of a reference between two of its clouds.
func cost(t *testing.T, r *ottest.Reference, x, y, a, b []float64) *logsumexp.Points[float32] {
	t.Helper()
	ground, err := logsumexp.ParseGround(r.Ground())
	if err != nil {
		t.Fatal(err)
	}
	p, err := logsumexp.NewPoints[float32](ground, x, y, a, b, len(x)/r.D, len(y)/r.D, r.D)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func testBalanced(t *testing.T, d sinkhorn.Device, r *ottest.Reference) {
	xy, xx, yy := cost(t, r, r.X, r.Y, r.A, r.B), cost(t, r, r.X, r.X, r.A, r.A), cost(t, r, r.Y, r.Y, r.B, r.B)
	pxy, err1 := sinkhorn.NewProblem(xy, r.A, r.B)
	pxx, err2 := sinkhorn.NewSelfProblem(xx, r.A)
	pyy, err3 := sinkhorn.NewSelfProblem(yy.Form(nil), r.B) // stored
	if err := errors.Join(err1, err2, err3); err != nil {
		t.Fatal(err)
	}
	div, err := onDevice(d, r.Eps).Divergence(context.Background(), pxy, pxx, pyy)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%s, %d iterations, %d to warm up", div.XY.Method, div.XY.Iterations, div.XY.Warmup)
	near(t, "value", div.XY.Value(), r.Balanced.Dual, valueTol*r.Scale())
	near(t, "transport cost", div.XY.TransportCost(), r.Balanced.PrimalCost, valueTol*r.Scale())
	near(t, "divergence", div.Value(), r.Divergence, valueTol*r.Scale())
	lower, upper := div.XY.Bounds()
	if !(lower <= r.Balanced.Dual && r.Balanced.Dual <= upper) {
		t.Errorf("the bounds [%.15g, %.15g] do not hold %.15g", lower, upper, r.Balanced.Dual)
	}
	grad := make([]float64, r.N*r.D)
	div.XY.Gradient(grad, xy)
	nearAll(t, "gradient", grad, r.Balanced.GradX, 1e-2)
}

func testUnbalanced(t *testing.T, d sinkhorn.Device, r *ottest.Reference, rho float64, want *ottest.Unbalanced) {
	reach := sinkhorn.Reach{Penalty: sinkhorn.KL, Rho: rho}
	p, err := sinkhorn.NewUnbalanced(cost(t, r, r.X, r.Y, r.A, r.B), r.A, r.B, reach, reach)
	if err != nil {
		t.Fatal(err)
	}
	got, err := onDevice(d, r.Eps).Solve(context.Background(), p)
	if err != nil {
		t.Fatal(err)
	}
	near(t, "value", got.Value(), want.Value, valueTol*r.Scale())
	near(t, "transport cost", got.TransportCost(), want.PrimalCost, valueTol*r.Scale())
	near(t, "mass", got.Mass(), want.Mass, valueTol*r.Scale())
}

// TestClosedForms solves on the simulated device what has a formula or was worked out exactly.
func TestClosedForms(t *testing.T) { testClosedForms(t, cuda.NewSolver(simulated(t, sim.Options{}))) }

func TestClosedFormsOnDevice(t *testing.T) { testClosedForms(t, cuda.NewSolver(real(t))) }

func testClosedForms(t *testing.T, d sinkhorn.Device) {
	inf := float32(math.Inf(1))
	line, other := []float64{.1, .9, .4, .75, .2}, []float64{.5, .05, 1.2, .8, .33}
	for _, c := range []struct {
		name     string
		cost     []float32
		n, m     int
		a, b     []float64
		eps      float64
		value, w float64
	}{
		// P11 = (1/2)/(1+e^(-1/eps)), W = 1/(1+e^(1/eps)), OT = -eps ln((1+e^(-1/eps))/2).
		{name: "swap/eps=1", cost: []float32{0, 1, 1, 0}, n: 2, m: 2, eps: 1, value: -math.Log((1 + math.Exp(-1)) / 2), w: 1 / (1 + math.E)},
		{name: "swap/eps=.1", cost: []float32{0, 1, 1, 0}, n: 2, m: 2, eps: .1, value: -.1 * math.Log((1+math.Exp(-10))/2), w: 1 / (1 + math.Exp(10))},
		{name: "weighted", cost: []float32{0, 1, 1, 0}, n: 2, m: 2, a: []float64{.3, .7}, b: []float64{.6, .4}, eps: .5, value: .3939404594207, w: .313755103735603},
		{name: "small eps", cost: []float32{5, 8, 5, 4}, n: 2, m: 2, eps: .001, value: 4.5 + .001*math.Ln2, w: 4.5},
		{name: "one point each", cost: []float32{3.25}, n: 1, m: 1, eps: .1, value: 3.25, w: 3.25},
		{name: "line", cost: squared(line, other), n: 5, m: 5, eps: .1, value: .11235725453791548, w: .05960568525656505},
		{name: "invariances", cost: squared([]float64{0, 1, 2}, []float64{.5, 1.5}), n: 3, m: 2, a: []float64{.2, .5, .3}, b: []float64{.4, .6}, eps: .3, value: .350761016514164, w: .2512704828551182},
		{name: "split point", cost: squared([]float64{0, 1, 1, 2}, []float64{.5, 1.5}), n: 4, m: 2, a: []float64{.2, .25, .25, .3}, b: []float64{.4, .6}, eps: .3, value: .350761016514164, w: .2512704828551182},
		{name: "zero weights", cost: []float32{0, 1, 2, 1, 0, 1, 2, 1, 0}, n: 3, m: 3, a: []float64{0, 1, 0}, b: []float64{.5, .5, 0}, eps: .2, value: .5, w: .5},
		{name: "forbidden pair", cost: []float32{1, inf, inf, 2}, n: 2, m: 2, eps: .1, value: 1.5 + .1*math.Ln2, w: 1.5},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, err := sinkhorn.NewProblem(logsumexp.NewStored(c.cost, c.n, c.m, c.m), c.a, c.b)
			if err != nil {
				t.Fatal(err)
			}
			r, err := onDevice(d, c.eps).Solve(context.Background(), p)
			if err != nil {
				t.Fatal(err)
			}
			near(t, "value", r.Value(), c.value, valueTol)
			near(t, "transport cost", r.TransportCost(), c.w, valueTol)
		})
	}
}

func squared(x, y []float64) (c []float32) {
	for _, a := range x {
		for _, b := range y {
			c = append(c, float32((a-b)*(a-b)))
		}
	}
	return c
}

func near(t *testing.T, what string, got, want, tol float64) {
	t.Helper()
	if !(math.Abs(got-want) <= tol) {
		t.Errorf("%s is %.9g, want %.9g to %.2g", what, got, want, tol)
	}
}

// nearAll compares within tol of the largest entry.
func nearAll(t *testing.T, what string, got, want []float64, tol float64) {
	t.Helper()
	var most, off float64
	for i, v := range want {
		most, off = max(most, math.Abs(v)), max(off, math.Abs(got[i]-v))
	}
	if !(off <= tol*most) {
		t.Errorf("the %s is off by %.2g of its largest entry", what, off/most)
	}
}
