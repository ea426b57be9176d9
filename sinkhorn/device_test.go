package sinkhorn_test

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/sinkcpu/sinkcpu/internal/parallel"
	"github.com/sinkcpu/sinkcpu/internal/random"
	"github.com/sinkcpu/sinkcpu/logsumexp"
	"github.com/sinkcpu/sinkcpu/sinkhorn"
	"github.com/sinkcpu/sinkcpu/sinkhorn/devicetest"
)

// deviceProblem is one between clouds of normal points with weights, of which some are zero.
func deviceProblem(t *testing.T, ground logsumexp.Ground, n, m, d int, reach sinkhorn.Reach) (*sinkhorn.Problem[float32], *logsumexp.Points[float32]) {
	t.Helper()
	rng := random.New(3, "device")
	draw := func(k int, shift float64) []float64 {
		x := make([]float64, k)
		for i := range x {
			x[i] = rng.NormFloat64() + shift
		}
		return x
	}
	x, y, a, b := draw(n*d, 0), draw(m*d, .5), make([]float64, n), make([]float64, m)
	for i := range a {
		a[i] = float64(i%3) / float64(n)
	}
	for j := range b {
		b[j] = float64(1+j%2) / float64(m)
	}
	for _, w := range [][]float64{a, b} {
		var total float64
		for _, v := range w {
			total += v
		}
		for i := range w {
			w[i] /= total
		}
	}
	points, err := logsumexp.NewPoints[float32](ground, x, y, a, b, n, m, d)
	if err != nil {
		t.Fatal(err)
	}
	p, err := sinkhorn.NewUnbalanced(points, a, b, reach, reach)
	if err != nil {
		t.Fatal(err)
	}
	return p, points
}

// sameSolve compares all that a solve on the processor is.
func sameSolve(t *testing.T, got, want *sinkhorn.Result[float32]) {
	t.Helper()
	if !slices.Equal(got.F, want.F) || !slices.Equal(got.G, want.G) || !slices.Equal(got.Trace, want.Trace) ||
		got.Method != want.Method || got.Iterations != want.Iterations || got.Warmup != want.Warmup || got.Status != want.Status {
		t.Errorf("%s in %d iterations, want the processor's %s in %d, bit for bit", got.Method, got.Iterations, want.Method, want.Iterations)
	}
	if got.Device != "" || got.Evaluated != "" {
		t.Errorf("the device %q, %q is named for what the processor did", got.Device, got.Evaluated)
	}
}

var errFault = errors.New("launch failed: illegal address")

// TestDeviceFaults: whichever call of a device fails, or returns NaN, the result is the processor's and says why; where only the device may do it,
// the error is the device's. Nothing is left open on it.
func TestDeviceFaults(t *testing.T) {
	for _, reach := range []sinkhorn.Reach{{}, {Penalty: sinkhorn.KL, Rho: .5}} {
		p, _ := deviceProblem(t, logsumexp.SqEuclidean, 9, 12, 2, reach)
		s := sinkhorn.Solver[float32]{Eps: .05}
		want, err := s.Solve(context.Background(), p)
		if err != nil {
			t.Fatal(err)
		}
		counted := new(devicetest.Reference)
		s.Device = counted
		if _, err := s.Solve(context.Background(), p); err != nil {
			t.Fatal(err)
		}
		for k := range counted.Calls() {
			for _, d := range []*devicetest.Reference{{FailAt: k + 1, Fault: errFault}, {NaNAt: k + 1}} {
				s.Device, s.DeviceOnly = d, false
				r, err := s.Solve(context.Background(), p)
				if err != nil {
					t.Fatal(err)
				}
				if r.Device != "" {
					if d.NaNAt == 0 {
						t.Fatalf("call %d failed, and the device is said to have solved it", k+1)
					}
					continue // a call that has no numbers to spoil
				}
				sameSolve(t, r, want)
				if r.DeviceFault == nil || d.Fault != nil && !errors.Is(r.DeviceFault, errFault) {
					t.Errorf("the result gives %v as the fault", r.DeviceFault)
				}
				if n := d.Open(); n != 0 {
					t.Errorf("call %d failed, and %d flows are open", k+1, n)
				}
				if d.NaNAt > 0 {
					continue
				}
				again := &devicetest.Reference{FailAt: k + 1, Fault: errFault}
				s.Device, s.DeviceOnly = again, true
				if r, err := s.Solve(context.Background(), p); r != nil || !errors.Is(err, errFault) {
					t.Errorf("only the device may solve it, and its fault gave %v", err)
				}
			}
		}
	}
}

// TestDeviceRefuses: what a device has nothing for is solved here without a word.
func TestDeviceRefuses(t *testing.T) {
	p, _ := deviceProblem(t, logsumexp.SqEuclidean, 30, 40, 2, sinkhorn.Reach{})
	s := sinkhorn.Solver[float32]{Eps: .05}
	want, err := s.Solve(context.Background(), p)
	if err != nil {
		t.Fatal(err)
	}
	s.Device = &devicetest.Reference{Refuse: true}
	r, err := s.Solve(context.Background(), p)
	if err != nil || r.DeviceFault != nil {
		t.Fatal(err, r.DeviceFault)
	}
	sameSolve(t, r, want)
	s.DeviceOnly = true
	if _, err := s.Solve(context.Background(), p); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("only the device may solve what it refuses: %v", err)
	}
}

// TestDeviceSolves: the iterations are the device's, as many as counted, and the rest of the promises of Solve hold.
func TestDeviceSolves(t *testing.T) {
	p, _ := deviceProblem(t, logsumexp.SqEuclidean, 30, 40, 2, sinkhorn.Reach{})
	solve := func(s sinkhorn.Solver[float32]) (*sinkhorn.Result[float32], *devicetest.Reference, error) {
		d := new(devicetest.Reference)
		s.Device = d
		r, err := s.Solve(context.Background(), p)
		if len(r.Trace) != r.Iterations {
			t.Errorf("%d errors of %d iterations", len(r.Trace), r.Iterations)
		}
		return r, d, err
	}
	r, _, err := solve(sinkhorn.Solver[float32]{Eps: .05})
	if err != nil || r.Device != "reference" || !strings.HasPrefix(r.Method, "device+sweep") {
		t.Errorf("%v; solved by %q as %s", err, r.Device, r.Method)
	}
	if r, _, err := solve(sinkhorn.Solver[float32]{Eps: .01, MaxIter: 7}); r.Iterations != 7 || r.Status != sinkhorn.MaxIterations || !errors.Is(err, sinkhorn.ErrNotConverged) {
		t.Errorf("%d iterations of 7, %v: %v", r.Iterations, r.Status, err)
	}
	r, _, err = solve(sinkhorn.Solver[float32]{Eps: .01, Tol: 1e-11})
	if err != nil || !(r.MarginalError() <= 1e-11) || !strings.Contains(r.Method, "newton") {
		t.Errorf("to 1e-11: %v, %s with an error of %g", err, r.Method, r.MarginalError())
	}
	if r, _, err = solve(sinkhorn.Solver[float32]{Eps: .05, G: r.G}); err != nil || r.Warmup != 0 {
		t.Errorf("from potentials: %v after %d at higher temperatures", err, r.Warmup)
	}
	if r, _, err = solve(sinkhorn.Solver[float32]{Eps: .003, Method: sinkhorn.Overrelaxed}); err != nil || !strings.Contains(r.Method, "overrelaxed") {
		t.Errorf("over-relaxed: %v by %s", err, r.Method)
	}
}

// TestDeviceCancelled: a solve stops between batches.
func TestDeviceCancelled(t *testing.T) {
	p, _ := deviceProblem(t, logsumexp.SqEuclidean, 30, 40, 2, sinkhorn.Reach{})
	ctx, cancel := context.WithCancel(context.Background())
	s := sinkhorn.Solver[float32]{Eps: .002, Device: new(devicetest.Reference), Progress: func(k int, _ float64) {
		if k == 15 {
			cancel()
		}
	}}
	r, err := s.Solve(ctx, p)
	if r == nil || r.Status != sinkhorn.Cancelled || r.Iterations > 20 || !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

// TestDeviceEvaluates: values of a plan that the device sums are as good as those of float64, and bounds hold the true value.
func TestDeviceEvaluates(t *testing.T) {
	for _, reach := range []sinkhorn.Reach{{}, {Penalty: sinkhorn.KL, Rho: .5}, {Penalty: sinkhorn.TV, Rho: .8}, {Penalty: sinkhorn.Part, Rho: .8}} {
		p, _ := deviceProblem(t, logsumexp.SqEuclidean, 9, 12, 2, reach)
		here := sinkhorn.Solver[float32]{Eps: .1, Tol: 1e-10}
		want, err := here.Solve(context.Background(), p)
		if err != nil {
			t.Fatal(err)
		}
		s := sinkhorn.Solver[float32]{Eps: .1, Device: new(devicetest.Reference), DeviceEvaluates: 1}
		r, err := s.Solve(context.Background(), p)
		if err != nil || r.Evaluated != "reference" {
			t.Fatalf("%v: evaluated by %q", err, r.Evaluated)
		}
		lower, upper := r.Bounds()
		if v := want.Value(); !(lower <= v && v <= upper && upper-lower <= 1e-2) || !(math.Abs(r.Value()-v) <= 2e-5) {
			t.Errorf("value %.9g in [%.9g, %.9g], want %.9g", r.Value(), lower, upper, v)
		}
		if !(math.Abs(r.TransportCost()-want.TransportCost()) <= 1e-4) {
			t.Errorf("transport cost %.9g, want %.9g", r.TransportCost(), want.TransportCost())
		}
		broken := &devicetest.Reference{}
		s.Device = broken
		if _, err := s.Solve(context.Background(), p); err != nil {
			t.Fatal(err)
		}
		for k := range broken.Calls() {
			s.Device = &devicetest.Reference{FailAt: k + 1, Fault: errFault}
			r, err := s.Solve(context.Background(), p)
			if err != nil || r.Evaluated != "" || !errors.Is(r.DeviceFault, errFault) {
				t.Errorf("call %d failed: %v, evaluated by %q, fault %v", k+1, err, r.Evaluated, r.DeviceFault)
			}
		}
	}
}

// TestDeviceGradients: products of the plan and gradients by the points, on the device, are those of the processor.
func TestDeviceGradients(t *testing.T) {
	power, err := logsumexp.Power(1.5)
	if err != nil {
		t.Fatal(err)
	}
	for _, ground := range []logsumexp.Ground{
		logsumexp.SqEuclidean, logsumexp.HalfSqEuclidean, logsumexp.Euclidean, logsumexp.L1, logsumexp.Cosine, logsumexp.DotProduct, power,
	} {
		p, points := deviceProblem(t, ground, 30, 40, 3, sinkhorn.Reach{})
		d := new(devicetest.Reference)
		s := sinkhorn.Solver[float32]{Eps: .2, Device: d}
		r, err := s.Solve(context.Background(), p)
		if err != nil {
			t.Fatal(err)
		}
		again := sinkhorn.Solver[float32]{Eps: .2, G: r.G}
		want, err := again.Solve(context.Background(), p)
		if err != nil {
			t.Fatal(err)
		}
		loaded := d.Loaded()
		grad, wantGrad := make([]float64, 90), make([]float64, 90)
		r.Gradient(grad, points)
		want.Gradient(wantGrad, points)
		y, dst, wantDst := make([]float64, 80), make([]float64, 60), make([]float64, 60)
		for i := range y {
			y[i] = math.Sin(float64(i))
		}
		r.Apply(dst, y, 2)
		want.Apply(wantDst, y, 2)
		if d.Loaded() != loaded+2 {
			t.Errorf("%v: the device was asked %d times", ground, d.Loaded()-loaded)
		}
		for _, pair := range [][2][]float64{{grad, wantGrad}, {dst, wantDst}} {
			var most float64
			for _, v := range pair[1] {
				most = max(most, math.Abs(v))
			}
			for i, v := range pair[1] {
				if !(math.Abs(pair[0][i]-v) <= 1e-4*most) {
					t.Fatalf("%v: entry %d is %g, want %g", ground, i, pair[0][i], v)
				}
			}
		}
	}
}

// BenchmarkEvaluate is what the bounds of a result take in float64, an entry of the plan: two of the three passes that judge it.
func BenchmarkEvaluate(b *testing.B) {
	const n, d = 2048, 64
	rng := random.New(1, "evaluate")
	x, y := make([]float64, n*d), make([]float64, n*d)
	for i := range x {
		x[i], y[i] = rng.NormFloat64(), rng.NormFloat64()
	}
	points, err := logsumexp.NewPoints[float32](logsumexp.SqEuclidean, x, y, nil, nil, n, n, d)
	if err != nil {
		b.Fatal(err)
	}
	p, err := sinkhorn.NewProblem(points, nil, nil)
	if err != nil {
		b.Fatal(err)
	}
	pool := parallel.New(1)
	defer pool.Close()
	for b.Loop() {
		b.StopTimer()
		s := sinkhorn.Solver[float32]{Eps: 128, MaxIter: 1, Runner: pool}
		r, _ := s.Solve(context.Background(), p)
		b.StartTimer()
		r.Bounds()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/(n*n), "ns/entry")
}
