package cuda_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/sinkcpu/sinkcpu/cuda"
	"github.com/sinkcpu/sinkcpu/cuda/device"
	"github.com/sinkcpu/sinkcpu/cuda/internal/sim"
	"github.com/sinkcpu/sinkcpu/logsumexp"
	"github.com/sinkcpu/sinkcpu/sinkhorn"
	"github.com/sinkcpu/sinkcpu/sinkhorn/devicetest"
)

// simulated returns a device of this process.
func simulated(t testing.TB, o sim.Options) *device.Device {
	t.Helper()
	s := sim.New(t, o)
	d, err := device.Simulated(s.Driver(), s.Image())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

// real returns the first device of this machine. Where there is none the test is skipped, and fails if SINKCPU_TEST_REQUIRE names cuda.
func real(t testing.TB) *device.Device {
	t.Helper()
	d, err := device.Open("cuda")
	if err != nil && !strings.Contains(os.Getenv("SINKCPU_TEST_REQUIRE"), "cuda") {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

// TestSolver holds the kernels of Sinkhorn's algorithm to what devices promise.
func TestSolver(t *testing.T) {
	for _, c := range []struct {
		name string
		o    sim.Options
		tf32 bool
		long bool
		few  bool // parts
	}{
		{name: "sm_90", o: sim.Options{Workers: 2}},
		{name: "few parts, TF32", o: sim.Options{Workers: 2}, few: true, tf32: true},
		{name: "few parts", o: sim.Options{Workers: 2}, few: true, long: true},
		{name: "few parts, sm_75", o: sim.Options{Major: 7, Minor: 5, Workers: 2}, few: true, long: true},
		{name: "sm_75", o: sim.Options{Major: 7, Minor: 5, Workers: 2}, long: true},
		{name: "TF32", o: sim.Options{Workers: 2}, tf32: true, long: true},
		{name: "backwards", o: sim.Options{Order: 5}, long: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.long && !long {
				t.Skip("with the tag exhaustive")
			}
			if c.few {
				if testing.Short() {
					t.Skip("not with -short")
				}
				cuda.FewParts(t)
			}
			solver := cuda.NewSolver(simulated(t, c.o))
			solver.TF32 = c.tf32
			testSolver(t, solver)
		})
	}
}

// TestSolverOnDevice is TestSolver on a device of this machine.
func TestSolverOnDevice(t *testing.T) {
	d := real(t)
	for _, tf32 := range []bool{false, true} {
		t.Run(fmt.Sprintf("tf32=%v", tf32), func(t *testing.T) {
			solver := cuda.NewSolver(d)
			solver.TF32 = tf32
			testSolver(t, solver)
		})
	}
}

func testSolver(t *testing.T, s *cuda.Solver) {
	before := s.Device().Info().Used
	devicetest.Test(t, s)
	if err := s.Device().Err(); err != nil {
		t.Error(err)
	}
	if used := s.Device().Info().Used; used != before {
		t.Errorf("%d bytes were not given back", used-before)
	}
}

// problem returns two clouds of normal points.
func problem(n, m, dim int, ground logsumexp.Ground) *sinkhorn.DeviceProblem {
	rng := rand.New(rand.NewPCG(uint64(n), uint64(dim)))
	p := &sinkhorn.DeviceProblem{N: n, M: m, Dim: dim, Ground: ground, A: make([]float64, n), B: make([]float64, m)}
	normal := func(count int) []float32 {
		x := make([]float32, count)
		for i := range x {
			x[i] = float32(rng.NormFloat64())
		}
		return x
	}
	for i := range p.A {
		p.A[i] = 1 / float64(n)
	}
	for j := range p.B {
		p.B[j] = 1 / float64(m)
	}
	if p.Largest = 10; dim == 0 {
		p.C, p.Ld = normal(n*m), m
	} else {
		p.X, p.Y = normal(n*dim), normal(m*dim)
	}
	return p
}

// potentials iterates from zero and returns F, G and the errors seen.
func potentials(t *testing.T, f sinkhorn.DeviceFlow, p *sinkhorn.DeviceProblem, eps float64, g []float64, count int) []float64 {
	t.Helper()
	if g == nil {
		g = make([]float64, p.M)
		for j, b := range p.B {
			g[j] = math.Log2(b)
		}
	}
	all := make([]float64, p.N+p.M+count)
	if err := errors.Join(f.Start(eps, nil, g), f.Iterate(1, all[p.N+p.M:]), f.Potentials(all[:p.N], all[p.N:p.N+p.M])); err != nil {
		t.Fatal(err)
	}
	return all
}

func load(t *testing.T, d sinkhorn.Device, p *sinkhorn.DeviceProblem) sinkhorn.DeviceFlow {
	t.Helper()
	f, err := d.Load(p)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.Close)
	return f
}

// TestManyTiles: more than one tile of every kernel both ways, against plain Go in float64. Exponents here are up to some 200, so that those in
// float32 are off by at most 200 2^-22.
func TestManyTiles(t *testing.T) {
	recent, old := cuda.NewSolver(simulated(t, sim.Options{Workers: 2})), cuda.NewSolver(simulated(t, sim.Options{Major: 7, Minor: 5, Workers: 2}))
	largest := 300
	if long {
		largest = 4096
	}
	for _, c := range []struct {
		d *cuda.Solver
		p *sinkhorn.DeviceProblem
	}{
		{recent, problem(520, 1030, 0, logsumexp.SqEuclidean)}, {recent, problem(515, 700, 2, logsumexp.SqEuclidean)},
		{recent, problem(260, 270, 9, logsumexp.SqEuclidean)}, {old, problem(130, 140, 19, logsumexp.SqEuclidean)},
		{recent, problem(130, 140, 70, logsumexp.Euclidean)}, {recent, problem(3, 2, largest, logsumexp.HalfSqEuclidean)},
	} {
		d, p := c.d, c.p
		t.Run(fmt.Sprintf("%dx%d/d=%d", p.N, p.M, p.Dim), func(t *testing.T) {
			cuda.FewParts(t)
			reference := new(devicetest.Reference)
			eps := max(1, float64(p.Dim)/4)
			got, want := potentials(t, load(t, d, p), p, eps, nil, 2), potentials(t, load(t, reference, p), p, eps, nil, 2)
			for i, w := range want {
				if !(math.Abs(got[i]-w) <= 200*0x1p-22) {
					t.Fatalf("number %d is %.9g, want %.9g", i, got[i], w)
				}
			}
		})
	}
}

// TestPermutation: the order of the columns is no matter but for rounding.
func TestPermutation(t *testing.T) {
	d := cuda.NewSolver(simulated(t, sim.Options{}))
	p := problem(40, 300, 3, logsumexp.SqEuclidean)
	first := potentials(t, load(t, d, p), p, 1, nil, 3)
	q := *p
	q.Y = make([]float32, len(p.Y))
	for j := range p.M {
		copy(q.Y[(j*7+5)%p.M*3:][:3], p.Y[j*3:])
	}
	second := potentials(t, load(t, d, &q), &q, 1, nil, 3)
	for i := range p.N {
		if !(math.Abs(first[i]-second[i]) <= 1e-5) {
			t.Fatalf("F[%d] is %g, with the columns in another order %g", i, first[i], second[i])
		}
	}
	for j := range p.M {
		if at := (j*7 + 5) % p.M; !(math.Abs(first[p.N+j]-second[p.N+at]) <= 1e-5) {
			t.Fatalf("G[%d] is %g, with the columns in another order %g", j, first[p.N+j], second[p.N+at])
		}
	}
}

// TestRedone: a column that is far from every row under its old potential is summed again with a shift of its own, whatever its costs are
// made of.
func TestRedone(t *testing.T) {
	for _, p := range []*sinkhorn.DeviceProblem{
		problem(5, 9, 0, logsumexp.SqEuclidean), problem(5, 9, 2, logsumexp.Euclidean), problem(5, 9, 20, logsumexp.SqEuclidean),
		problem(5, 9, 70, logsumexp.Euclidean), problem(5, 9, 3, logsumexp.Cosine),
	} {
		d := cuda.NewSolver(simulated(t, sim.Options{}))
		g := make([]float64, p.M)
		g[2], g[7] = -300, 500
		f := load(t, d, p)
		got, want := potentials(t, f, p, 10, g, 1), potentials(t, load(t, new(devicetest.Reference), p), p, 10, g, 1)
		for i, w := range want[:p.N+p.M] {
			if !(math.Abs(got[i]-w) <= 500*0x1p-22) {
				t.Errorf("%v: number %d is %.9g, want %.9g", p.Ground, i, got[i], w)
			}
		}
		if n, err := cuda.Redone(f); err != nil || n < p.M-1 {
			t.Errorf("%v: %d sums were taken again: %v", p.Ground, n, err)
		}
	}
}

// TestNoMemory: a device that is full at any point of a solve says so, loses nothing, and the processor does all of it: the same bits as
// without a device.
func TestNoMemory(t *testing.T) {
	points := func() *sinkhorn.Problem[float32] {
		x := make([]float64, 60)
		for i := range x {
			x[i] = math.Sin(float64(i * i))
		}
		c, err := logsumexp.NewPoints[float32](logsumexp.SqEuclidean, x[:30], x[30:], nil, nil, 15, 15, 2)
		if err != nil {
			t.Fatal(err)
		}
		p, err := sinkhorn.NewProblem(c, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	s := sinkhorn.Solver[float32]{Eps: .1}
	want, err := s.Solve(context.Background(), points())
	if err != nil {
		t.Fatal(err)
	}
	for _, memory := range []uint64{1, 3 << 10, 20 << 10, 35 << 10} {
		d := simulated(t, sim.Options{Memory: memory})
		s.Device, s.DeviceOnly = cuda.NewSolver(d), false
		got, err := s.Solve(context.Background(), points())
		if err != nil {
			t.Fatal(err)
		}
		if got.Device != "" || !errors.Is(got.DeviceFault, device.ErrMemory) {
			t.Errorf("with %d bytes of memory the solve was on %q: %v", memory, got.Device, got.DeviceFault)
		}
		if !slices.Equal(got.F, want.F) || !slices.Equal(got.G, want.G) {
			t.Errorf("with %d bytes of memory the solve has other bits", memory)
		}
		if used := d.Info().Used; used != 0 {
			t.Errorf("with %d bytes of memory, %d were not given back", memory, used)
		}
		s.DeviceOnly = true
		if _, err := s.Solve(context.Background(), points()); !errors.Is(err, device.ErrMemory) {
			t.Errorf("with %d bytes of memory and no other place to go: %v", memory, err)
		}
	}
}
