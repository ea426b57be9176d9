package exact_test

import (
	"context"
	"math"
	"testing"

	"github.com/sinkcpu/sinkcpu/internal/random"
	"github.com/sinkcpu/sinkcpu/logsumexp"
	"github.com/sinkcpu/sinkcpu/sinkhorn"
)

// TestSinkhornBracket: transport at temperature eps lies between the minimum and eps min(H(a), H(b)) above it, and tends to it:
//
//	W_0 <= <C,P_eps> <= OT_eps <= W_0 + eps min(H(a), H(b))
//
// The last holds as KL(P|ab) <= min(H(a), H(b)) for every plan.
func TestSinkhornBracket(t *testing.T) {
	const n, m, d = 40, 30, 3
	x, y := make([]float64, n*d), make([]float64, m*d)
	random.Normal(random.New(1, "x"), x, 0, 1)
	random.Normal(random.New(1, "y"), y, .5, 1)
	points, err := logsumexp.NewPoints[float64](logsumexp.SqEuclidean, x, y, nil, nil, n, m, d)
	if err != nil {
		t.Fatal(err)
	}
	a, b := weigh(1, n), weigh(2, m)
	p, err := sinkhorn.NewProblem(points, a, b)
	if err != nil {
		t.Fatal(err)
	}
	w := solve(t, p).Value
	entropy := math.Inf(1)
	for _, side := range [][]float64{a, b} {
		var h float64
		for _, v := range side {
			h -= v * math.Log(v)
		}
		entropy = min(entropy, h)
	}
	last := math.Inf(1)
	for _, eps := range []float64{1, .1, .01, .001} {
		s := sinkhorn.Solver[float64]{Eps: eps, Tol: 1e-10}
		r, err := s.Solve(context.Background(), p)
		if err != nil {
			t.Fatal(err)
		}
		lower, upper := r.Bounds()
		if !(r.TransportCost() >= w-1e-9 && upper >= w && lower <= w+eps*entropy && r.TransportCost() <= last) {
			t.Errorf("eps %g: transport cost %.9g, OT in [%.9g, %.9g], minimum %.9g, entropy %.3g", eps, r.TransportCost(), lower, upper, w, entropy)
		}
		last = r.TransportCost()
	}
	if !(last-w <= 1e-4*w) {
		t.Errorf("at eps .001 the transport cost is %.9g, the minimum %.9g", last, w)
	}
}

// TestHistograms: 100 bins of N(30,10) and N(40,10), truncated and normalised, |i-j|^2: the value of the sheet of closed forms.
func TestHistograms(t *testing.T) {
	const n = 100
	a, b, at := make([]float64, n), make([]float64, n), make([]float64, n)
	for i := range n {
		v := float64(i)
		at[i], a[i], b[i] = v, math.Exp(-(v-30)*(v-30)/200), math.Exp(-(v-40)*(v-40)/200)
	}
	a, b = normal(a), normal(b)
	r := solve(t, problem(t, lineCost(at, at, 2), n, n, a, b))
	if want := 99.31530613766321; !(math.Abs(r.Value-want) <= 1e-9) {
		t.Errorf("%.15g, want %.15g", r.Value, want)
	}
	if err := verify(lineCost(at, at, 2), a, b, r); err != nil {
		t.Error(err)
	}
}

// TestMonotoneMap: a symmetric positive definite map moves each point to its image, in any dimension, at cost mean |x_i - y_i|^2.
func TestMonotoneMap(t *testing.T) {
	const n, d = 200, 2
	x, y := make([]float64, n*d), make([]float64, n*d)
	random.Normal(random.New(4, "x"), x, 0, 1)
	var want float64
	for i := range n {
		u, v := x[2*i], x[2*i+1]
		y[2*i], y[2*i+1] = 2*u+.5*v+3, .5*u+v-1
		want += (y[2*i]-u)*(y[2*i]-u) + (y[2*i+1]-v)*(y[2*i+1]-v)
	}
	want /= n
	points, err := logsumexp.NewPoints[float64](logsumexp.SqEuclidean, x, y, nil, nil, n, n, d)
	if err != nil {
		t.Fatal(err)
	}
	p, err := sinkhorn.NewProblem(points, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	r := solve(t, p)
	for _, pair := range r.Pairs {
		if pair.I != pair.J {
			t.Fatalf("pair %+v", pair)
		}
	}
	dx := make([]float64, n*d)
	r.Gradient(dx, nil, points)
	worst := 0.
	for k := range dx {
		worst = max(worst, math.Abs(dx[k]-2*(x[k]-y[k])/n))
	}
	if !(math.Abs(r.Value-want) <= 1e-12*want && worst <= 1e-14) {
		t.Errorf("%.15g, want %.15g; gradient off by %g", r.Value, want, worst)
	}
}

// FuzzSolve: any bytes are a problem whose answer proves itself.
func FuzzSolve(f *testing.F) {
	f.Add([]byte{1, 2, 3, 4, 5, 6, 7, 8}, uint8(2), uint8(2), true)
	f.Add([]byte{0, 0, 255, 255, 9, 9, 1, 1, 0, 3, 200}, uint8(3), uint8(2), false)
	f.Fuzz(func(t *testing.T, raw []byte, n8, m8 uint8, equal bool) {
		n, m := int(n8%6)+1, int(m8%6)+1
		at := func(k int) byte {
			if len(raw) == 0 {
				return 0
			}
			return raw[k%len(raw)]
		}
		c := make([]float64, n*m)
		for k := range c {
			c[k] = float64(at(k)) - 100
		}
		var a, b []float64
		if !equal {
			a, b = make([]float64, n), make([]float64, m)
			for i := range a {
				a[i] = float64(at(7*i+1) % 5)
			}
			for j := range b {
				b[j] = float64(at(11*j+3) % 5)
			}
			a[0]++
			b[0]++
			a, b = normal(a), normal(b)
		}
		p := problem(t, c, n, m, a, b)
		wa, wb := p.Weights()
		if err := verify(c, wa, wb, solve(t, p)); err != nil {
			t.Error(err)
		}
	})
}
