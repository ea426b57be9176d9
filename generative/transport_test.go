package generative_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/sinkcpu/sinkcpu/generative"
	"github.com/sinkcpu/sinkcpu/internal/random"
	"github.com/sinkcpu/sinkcpu/logsumexp"
	"github.com/sinkcpu/sinkcpu/nn"
	"github.com/sinkcpu/sinkcpu/nn/clouds"
	"github.com/sinkcpu/sinkcpu/sinkhorn"
)

var costNames = []string{"sqeuclidean", "halfsqeuclidean", "euclidean", "l1", "cosine", "dot", "pow:1.5"}

func transport(t testing.TB, change func(*generative.TransportConfig)) *generative.Transport[float64] {
	t.Helper()
	cfg := generative.TransportConfig{Loss: "sinkhorn", Self: "same", Cost: "sqeuclidean", Eps: .7, Steps: 4}
	change(&cfg)
	c, err := generative.NewTransport[float64](cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// pairOfClouds returns clouds off the origin, for the sake of the cosine.
func pairOfClouds(seed uint64, rows, d int) (x, y []float64) {
	x, y = make([]float64, rows*d), make([]float64, rows*d)
	random.Normal(random.New(seed, "x"), x, .5, 1)
	random.Normal(random.New(seed, "y"), y, -.25, .75)
	return x, y
}

func eval(t testing.TB, c generative.Criterion[float64], x, y []float64, n, d int, dx, dy []float64, report bool) float64 {
	t.Helper()
	m, err := c.Eval(context.Background(), x, y, n, d, dx, dy, report)
	if err != nil {
		t.Fatal(err)
	}
	return m[0].Value
}

// checkGradient holds dx and dy to central differences.
func checkGradient(t *testing.T, c generative.Criterion[float64], n, d int, tol float64) {
	t.Helper()
	x, y := pairOfClouds(3, n*c.Clouds(), d)
	dx, dy := make([]float64, len(x)), make([]float64, len(y))
	eval(t, c, x, y, n, d, dx, dy, true)
	var size float64
	for i := range dx {
		size = max(size, math.Abs(dx[i]), math.Abs(dy[i]))
	}
	const h = 1e-5
	for side, points := range [][]float64{x, y} {
		for i := range points {
			was := points[i]
			points[i] = was + h
			up := eval(t, c, x, y, n, d, nil, nil, true)
			points[i] = was - h
			down := eval(t, c, x, y, n, d, nil, nil, true)
			points[i] = was
			got, want := [][]float64{dx, dy}[side][i], (up-down)/(2*h)
			if !(math.Abs(got-want) <= tol*size) {
				t.Fatalf("side %d, coordinate %d: derivative %.9g, by differences %.9g", side, i, got, want)
			}
		}
	}
	// The derivative by x alone is the same with and without that by y, metrics or none.
	alone := make([]float64, len(x))
	eval(t, c, x, y, n, d, alone, nil, false)
	for i := range alone {
		if !(math.Abs(alone[i]-dx[i]) <= 1e-14*size) {
			t.Fatalf("coordinate %d: derivative %g alone, %g beside that by y", i, alone[i], dx[i])
		}
	}
}

func TestTransportGradient(t *testing.T) {
	for _, loss := range generative.TransportLosses {
		for _, self := range generative.TransportSelves {
			for _, value := range []sinkhorn.Value{sinkhorn.Sharp, sinkhorn.Entropic} {
				for _, cost := range costNames {
					t.Run(fmt.Sprintf("%s/%s/%d/%s", loss, self, value, cost), func(t *testing.T) {
						c := transport(t, func(cfg *generative.TransportConfig) {
							cfg.Loss, cfg.Self, cfg.Value, cfg.Cost = loss, self, value, cost
						})
						checkGradient(t, c, 5, 3, 1e-7)
					})
				}
			}
		}
	}
}

// unrolled returns the value of one problem after four steps, with its derivatives by both clouds.
func unrolled(t *testing.T, x, y []float64, n, d int, value sinkhorn.Value) (w float64, dx, dy []float64) {
	t.Helper()
	cost, err := logsumexp.NewPoints[float64](logsumexp.SqEuclidean, x, y, nil, nil, n, n, d)
	if err != nil {
		t.Fatal(err)
	}
	p, err := sinkhorn.NewProblem(cost, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	var u sinkhorn.Unrolled[float64]
	if err := (&sinkhorn.Solver[float64]{Eps: .7}).Unroll(context.Background(), &u, 4, p); err != nil {
		t.Fatal(err)
	}
	dx, dy = make([]float64, n*d), make([]float64, n*d)
	if err := u.Backward(value, &sinkhorn.Derivative[float64]{Points: cost, DX: dx, DY: dy}); err != nil {
		t.Fatal(err)
	}
	if value == sinkhorn.Sharp {
		return u.Values(0).Sharp, dx, dy
	}
	return u.Values(0).Entropic, dx, dy
}

// TestOtherGradients: those of solved and of unbalanced problems are the derivatives of what they solve; the envelope is that of the entropic
// value, also where the sharp one is reported.
func TestOtherGradients(t *testing.T) {
	for name, change := range map[string]func(*generative.TransportConfig){
		"envelope":         func(c *generative.TransportConfig) { c.Gradient, c.Value = "envelope", sinkhorn.Entropic },
		"implicit":         func(c *generative.TransportConfig) { c.Gradient = "implicit" },
		"implicit entropy": func(c *generative.TransportConfig) { c.Gradient, c.Value = "implicit", sinkhorn.Entropic },
		"reach":            func(c *generative.TransportConfig) { c.Reach, c.Value = 1.5, sinkhorn.Entropic },
		"reach envelope": func(c *generative.TransportConfig) {
			c.Reach, c.Value, c.Gradient = 1.5, sinkhorn.Entropic, "envelope"
		},
		"otgan": func(c *generative.TransportConfig) {
			c.Loss, c.Gradient, c.Value, c.Cost = "otgan", "envelope", sinkhorn.Entropic, "cosine"
		},
		"exact":             func(c *generative.TransportConfig) { c.Exact = true },
		"exact independent": func(c *generative.TransportConfig) { c.Exact, c.Self, c.Cost = true, "independent", "euclidean" },
	} {
		t.Run(name, func(t *testing.T) {
			c := transport(t, func(cfg *generative.TransportConfig) {
				change(cfg)
				if cfg.Gradient != "" {
					cfg.Tol, cfg.Steps = 1e-11, 10000
				}
			})
			checkGradient(t, c, 5, 3, 1e-6)
		})
	}
	const n, d = 6, 2
	x, y := pairOfClouds(4, n, d)
	of := func(value sinkhorn.Value) []float64 {
		dx := make([]float64, n*d)
		eval(t, transport(t, func(c *generative.TransportConfig) {
			c.Gradient, c.Value, c.Tol, c.Steps = "envelope", value, 1e-9, 1000
		}), x, y, n, d, dx, nil, true)
		return dx
	}
	if sharp, entropic := of(sinkhorn.Sharp), of(sinkhorn.Entropic); !slices.Equal(sharp, entropic) {
		t.Errorf("envelope: %g where the sharp value is reported, %g else", sharp, entropic)
	}
}

// The loss on a table is that on the host, for every gradient; implicit refuses a plan that is not there, and iterations end with their context.
func TestTransportOnATable(t *testing.T) {
	const n, d = 7, 2
	table := clouds.NewHost[float64](nn.NewCPU[float64](nil))
	x, y := pairOfClouds(4, n, d)
	there := func(x []float64) *nn.Tensor[float64] { return nn.TensorOf(slices.Clone(x), n, d) }
	for _, gradient := range generative.TransportGradients {
		c := transport(t, func(c *generative.TransportConfig) {
			c.Gradient, c.Tol = gradient, 1e-10
			if gradient != "unrolled" {
				c.Steps = 5000
			}
		})
		dx, dy := make([]float64, n*d), make([]float64, n*d)
		want := eval(t, c, x, y, n, d, dx, dy, true)
		ax, ay := there(x), there(y)
		got, err := c.On(table)(context.Background(), there(x), there(y), n, ax, ay, true)
		if err != nil || len(got) == 0 {
			t.Fatalf("%s: %v, %v", gradient, got, err)
		}
		if !(math.Abs(got[0].Value-want) <= 1e-8) {
			t.Errorf("%s: %v, want %.12g", gradient, got[0], want)
		}
		for i := range dx {
			if !(math.Abs(ax.Data()[i]-dx[i]) <= 1e-7) || !(math.Abs(ay.Data()[i]-dy[i]) <= 1e-7) {
				t.Errorf("%s: derivatives %d are %.12g and %.12g, want %.12g and %.12g", gradient, i, ax.Data()[i], ay.Data()[i], dx[i], dy[i])
			}
		}
	}
	few := transport(t, func(c *generative.TransportConfig) { c.Gradient, c.Tol, c.Steps = "implicit", 1e-10, 2 })
	if _, err := few.On(table)(context.Background(), there(x), there(y), n, there(x), nil, false); !errors.Is(err, sinkhorn.ErrNotConverged) {
		t.Errorf("two iterations: %v", err)
	}
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := few.On(table)(ended, there(x), there(y), n, there(x), nil, false); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// TestUnrolledTendsToImplicit: the derivative of the sharp value through L steps tends to the implicit one (test A4).
func TestUnrolledTendsToImplicit(t *testing.T) {
	const n, d = 7, 2
	x, y := pairOfClouds(5, n, d)
	unrolled, implicit := make([]float64, n*d), make([]float64, n*d)
	eval(t, transport(t, func(c *generative.TransportConfig) { c.Steps = 300 }), x, y, n, d, unrolled, nil, true)
	eval(t, transport(t, func(c *generative.TransportConfig) { c.Gradient, c.Tol, c.Steps = "implicit", 1e-12, 10000 }), x, y, n, d, implicit, nil, true)
	for i, want := range implicit {
		if !(math.Abs(unrolled[i]-want) <= 1e-8) {
			t.Errorf("coordinate %d: %.10g through 300 steps, %.10g at convergence", i, unrolled[i], want)
		}
	}
}

// TestExactIsTheLimit: sharp values tend to the exact one as eps -> 0, from above and within eps log n each (fact M1).
func TestExactIsTheLimit(t *testing.T) {
	const n, d, eps = 8, 2, 1e-3
	x, y := pairOfClouds(6, n, d)
	limit := eval(t, transport(t, func(c *generative.TransportConfig) { c.Loss, c.Exact = "plain", true }), x, y, n, d, nil, nil, true)
	near := eval(t, transport(t, func(c *generative.TransportConfig) {
		c.Loss, c.Eps, c.Gradient, c.Tol, c.Steps = "plain", eps, "envelope", 1e-9, 100000
	}), x, y, n, d, nil, nil, true)
	if !(near >= limit-1e-7 && near <= limit+eps*math.Log(n)+1e-7) {
		t.Errorf("at eps %g %.9g, exactly %.9g", eps, near, limit)
	}
}

// TestReachForgivesAnOutlier: a far point of the data pulls the model by its share under exact marginals, and hardly with a reach.
func TestReachForgivesAnOutlier(t *testing.T) {
	x, y := []float64{0, .1, .2, .3}, []float64{0, .1, .2, 100}
	pull := func(reach float64) (sum float64) {
		dx := make([]float64, 4)
		eval(t, transport(t, func(c *generative.TransportConfig) {
			c.Loss, c.Value, c.Eps, c.Reach, c.Gradient, c.Tol, c.Steps = "plain", sinkhorn.Entropic, .1, reach, "envelope", 1e-9, 10000
		}), x, y, 4, 1, dx, nil, true)
		for _, v := range dx {
			sum -= v
		}
		return sum
	}
	if exact, with := pull(0), pull(1); !(exact >= 49 && math.Abs(with) <= .1) {
		t.Errorf("pull of %g under exact marginals, of %g with a reach", exact, with)
	}
}

// TestTransportIsTheLoss: on one batch it is the sum of three problems; its other forms are linear in the same problems.
func TestTransportIsTheLoss(t *testing.T) {
	const n, d = 9, 3
	x, y := pairOfClouds(1, n, d)
	for _, value := range []sinkhorn.Value{sinkhorn.Sharp, sinkhorn.Entropic} {
		xy, want, _ := unrolled(t, x, y, n, d, value)
		xx, one, other := unrolled(t, x, x, n, d, value)
		yy, _, _ := unrolled(t, y, y, n, d, value)
		loss, dx := 2*xy-xx-yy, make([]float64, n*d)
		for i := range want {
			want[i] = 2*want[i] - one[i] - other[i]
		}
		near := func(name string, got, want float64) {
			t.Helper()
			if !(math.Abs(got-want) <= 1e-12*loss) {
				t.Errorf("value %d, %s: %.16g, want %.16g", value, name, got, want)
			}
		}
		with := func(name, self string) *generative.Transport[float64] {
			return transport(t, func(c *generative.TransportConfig) { c.Loss, c.Self, c.Value = name, self, value })
		}
		near("sinkhorn", eval(t, with("sinkhorn", "same"), x, y, n, d, dx, nil, true), loss)
		for i := range dx {
			if !(math.Abs(dx[i]-want[i]) <= 1e-12) {
				t.Fatalf("derivative %d: %g, want %g", i, dx[i], want[i])
			}
		}
		near("divergence", eval(t, with("divergence", "same"), x, y, n, d, nil, nil, true), loss/2)
		near("plain", eval(t, with("plain", "same"), x, y, n, d, nil, nil, true), xy)
		twice := func(x []float64) []float64 { return append(append([]float64{}, x...), x...) }
		near("independent", eval(t, with("sinkhorn", "independent"), twice(x), twice(y), n, d, nil, nil, true), loss)
		near("otgan", eval(t, with("otgan", "same"), twice(x), twice(y), n, d, nil, nil, true), 2*loss)
	}
}

// TestSwapToy holds the converged entropic problem to its closed form: model {theta, -theta}, data {1, -1}, squared cost.
//
//	OT(x,y) = theta^2 + 1 - eps log cosh(2 theta/eps),  OT(x,x) = -eps log((1 + exp(-4 theta^2/eps))/2)
func TestSwapToy(t *testing.T) {
	for _, eps := range []float64{.5, 1, 3} {
		plain := transport(t, func(c *generative.TransportConfig) {
			c.Loss, c.Value, c.Eps, c.Steps = "plain", sinkhorn.Entropic, eps, 200
		})
		div := transport(t, func(c *generative.TransportConfig) {
			c.Loss, c.Value, c.Eps, c.Steps = "divergence", sinkhorn.Entropic, eps, 200
		})
		self := func(theta float64) float64 { return -eps * math.Log((1+math.Exp(-4*theta*theta/eps))/2) }
		for _, theta := range []float64{.1, .5, 1, 2} {
			x, y, dx := []float64{theta, -theta}, []float64{1, -1}, make([]float64, 2)
			h := theta*theta + 1 - eps*math.Log(math.Cosh(2*theta/eps))
			if got := eval(t, plain, x, y, 2, 1, dx, nil, true); !(math.Abs(got-h) <= 1e-9) {
				t.Errorf("eps %g, theta %g: OT %.12g, want %.12g", eps, theta, got, h)
			}
			if got, want := dx[0]-dx[1], 2*theta-2*math.Tanh(2*theta/eps); !(math.Abs(got-want) <= 1e-8) {
				t.Errorf("eps %g, theta %g: slope %.12g, want %.12g", eps, theta, got, want)
			}
			want := h - self(theta)/2 - self(1)/2
			if got := eval(t, div, x, y, 2, 1, dx, nil, true); !(math.Abs(got-want) <= 1e-9) {
				t.Errorf("eps %g, theta %g: divergence %.12g, want %.12g", eps, theta, got, want)
			}
			if theta == 1 && !(math.Abs(dx[0]-dx[1]) <= 1e-9) {
				t.Errorf("eps %g: slope %g of the divergence where model and data are equal", eps, dx[0]-dx[1])
			}
		}
	}
}

// TestIndependentSelfTermsHaveNoBias: over resamples of equal laws their loss has mean 0, that on one batch has not.
// With 400 resamples the mean lies within 3 standard errors with probability .997; the seed is fixed.
func TestIndependentSelfTermsHaveNoBias(t *testing.T) {
	const n, resamples = 20, 400
	for _, c := range []struct {
		loss, self string
		biased     bool
	}{{"sinkhorn", "independent", false}, {"otgan", "same", false}, {"sinkhorn", "same", true}} {
		l := transport(t, func(cfg *generative.TransportConfig) { cfg.Loss, cfg.Self, cfg.Eps, cfg.Steps = c.loss, c.self, .1, 20 })
		rng := random.New(1, "resamples")
		var sum, squares float64
		for range resamples {
			x, y := make([]float64, 2*n*l.Clouds()), make([]float64, 2*n*l.Clouds())
			random.Normal(rng, x, 0, 1)
			random.Normal(rng, y, 0, 1)
			v := eval(t, l, x, y, n, 2, nil, nil, true)
			sum += v
			squares += v * v
		}
		mean := sum / resamples
		se := math.Sqrt((squares/resamples - mean*mean) / (resamples - 1))
		if off := math.Abs(mean) / se; (off > 3) != c.biased || math.IsNaN(off) {
			t.Errorf("%s, self terms %s: mean %.4g, standard error %.2g", c.loss, c.self, mean, se)
		}
	}
}

// TestEpsOfTheMean: a temperature relative to the batch makes the loss of costs scale with the points.
func TestEpsOfTheMean(t *testing.T) {
	const n, d = 7, 2
	x, y := pairOfClouds(1, n, d)
	c := transport(t, func(c *generative.TransportConfig) { c.OfMean, c.Eps = true, .1 })
	small := eval(t, c, x, y, n, d, nil, nil, true)
	for i := range x {
		x[i], y[i] = 8*x[i], 8*y[i]
	}
	if large := eval(t, c, x, y, n, d, nil, nil, true); !(math.Abs(large-64*small) <= 1e-12*large) {
		t.Errorf("loss %g of points eight times as large, want 64 times %g", large, small)
	}
}

func TestBadTransports(t *testing.T) {
	for name, change := range map[string]func(*generative.TransportConfig){
		"loss":        func(c *generative.TransportConfig) { c.Loss = "x" },
		"self":        func(c *generative.TransportConfig) { c.Self = "x" },
		"cost":        func(c *generative.TransportConfig) { c.Cost = "x" },
		"eps":         func(c *generative.TransportConfig) { c.Eps = math.NaN() },
		"steps":       func(c *generative.TransportConfig) { c.Steps = 0 },
		"gradient":    func(c *generative.TransportConfig) { c.Gradient = "x" },
		"tolerance":   func(c *generative.TransportConfig) { c.Gradient = "envelope" },
		"reach":       func(c *generative.TransportConfig) { c.Reach = -1 },
		"sharp reach": func(c *generative.TransportConfig) { c.Reach = 1 },
		"exact reach": func(c *generative.TransportConfig) { c.Reach, c.Exact, c.Value = 1, true, sinkhorn.Entropic },
	} {
		cfg := generative.TransportConfig{Loss: "sinkhorn", Self: "same", Cost: "sqeuclidean", Eps: 1, Steps: 1}
		change(&cfg)
		if _, err := generative.NewTransport[float64](cfg); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	c := transport(t, func(*generative.TransportConfig) {})
	if _, err := c.Eval(context.Background(), make([]float64, 4), make([]float64, 6), 2, 2, nil, nil, true); err == nil {
		t.Error("clouds of different size were taken")
	}
}
