package discrepancy_test

import (
	"math"
	"slices"
	"testing"

	"github.com/sinkcpu/sinkcpu/internal/numtest"
	"github.com/sinkcpu/sinkcpu/internal/parallel"
	"github.com/sinkcpu/sinkcpu/internal/random"
	"github.com/sinkcpu/sinkcpu/logsumexp"
	"github.com/sinkcpu/sinkcpu/sinkhorn/discrepancy"
	"github.com/sinkcpu/sinkcpu/sinkhorn/exact"
)

func clouds(seed uint64, n, m, d int) (x, y []float64) {
	x, y = make([]float64, n*d), make([]float64, m*d)
	random.Normal(random.New(seed, "x"), x, .5, 1)
	random.Normal(random.New(seed, "y"), y, -.25, .75)
	return x, y
}

func newMMD(t testing.TB, kernel string, unbiased bool) *discrepancy.MMD[float64] {
	t.Helper()
	k, err := discrepancy.NewKernel(kernel)
	if err != nil {
		t.Fatal(err)
	}
	return &discrepancy.MMD[float64]{Kernel: k, Unbiased: unbiased}
}

// kernelOf is the kernel as its definition has it.
func kernelOf(name string, x, y []float64) (sum float64) {
	var q float64
	for k := range x {
		q += (x[k] - y[k]) * (x[k] - y[k])
	}
	if name == "energy" {
		return -math.Sqrt(q)
	}
	for _, s := range []float64{1, 2, 4, 8, 16} {
		if name == "gaussian" {
			sum += math.Exp(-q / 2 / s / s)
		} else {
			sum += 1 / (1 + q/2/s/s)
		}
	}
	return sum
}

// TestMMDIsItsDefinition for clouds of different sizes, both estimates, all kernels.
func TestMMDIsItsDefinition(t *testing.T) {
	const n, m, d = 6, 9, 3
	x, y := clouds(5, n, m, d)
	mean := func(name string, x, y []float64, different bool) float64 {
		var sum, count float64
		for i := range len(x) / d {
			for j := range len(y) / d {
				if !different || i != j {
					sum += kernelOf(name, x[i*d:(i+1)*d], y[j*d:(j+1)*d])
					count++
				}
			}
		}
		return sum / count
	}
	for _, kernel := range discrepancy.KernelNames {
		for _, unbiased := range []bool{false, true} {
			own, other := mean(kernel, x, x, unbiased)-2*mean(kernel, x, y, false), mean(kernel, y, y, unbiased)
			for _, withYY := range []bool{false, true} {
				want := own
				if withYY {
					want += other
				}
				got, err := newMMD(t, kernel, unbiased).Eval(x, y, n, m, d, nil, nil, withYY)
				if err != nil || !(math.Abs(got-want) <= 1e-12) {
					t.Errorf("%s, unbiased %v: %.15g and %v, want %.15g", kernel, unbiased, got, err, want)
				}
			}
		}
	}
}

// evaluator is what both distances are.
type evaluator interface {
	Eval(x, y []float64, n, m, d int) (value float64, dx, dy []float64, err error)
}

type mmdOf struct{ *discrepancy.MMD[float64] }

func (e mmdOf) Eval(x, y []float64, n, m, d int) (float64, []float64, []float64, error) {
	dx, dy := make([]float64, n*d), make([]float64, m*d)
	v, err := e.MMD.Eval(x, y, n, m, d, dx, dy, true)
	return v, dx, dy, err
}

type slicedOf struct{ *discrepancy.Sliced[float64] }

func (e slicedOf) Eval(x, y []float64, n, m, d int) (float64, []float64, []float64, error) {
	dx, dy := make([]float64, n*d), make([]float64, m*d)
	v, err := e.Sliced.Eval(x, y, n, m, d, dx, dy)
	return v, dx, dy, err
}

// TestGradients against differences, by both clouds of different sizes.
func TestGradients(t *testing.T) {
	const n, m, d = 5, 3, 3
	cases := map[string]evaluator{}
	for _, kernel := range discrepancy.KernelNames {
		cases[kernel] = mmdOf{newMMD(t, kernel, false)}
		cases[kernel+" unbiased"] = mmdOf{newMMD(t, kernel, true)}
	}
	cases["sliced 1"] = slicedOf{&discrepancy.Sliced[float64]{P: 1, Projections: 4}}
	cases["sliced 2"] = slicedOf{&discrepancy.Sliced[float64]{Projections: 4}}
	cases["sliced 3"] = slicedOf{&discrepancy.Sliced[float64]{P: 3, Projections: 4}}
	for name, e := range cases {
		x, y := clouds(9, n, m, d)
		for i := range x {
			x[i] *= 6 // away from kinks
		}
		err := numtest.Grad(1, func() []float64 {
			v, _, _, err := e.Eval(x, y, n, m, d)
			if err != nil {
				t.Fatal(err)
			}
			return []float64{v}
		}, func(w []float64) []numtest.Leaf[float64] {
			_, dx, dy, err := e.Eval(x, y, n, m, d)
			if err != nil {
				t.Fatal(err)
			}
			for _, g := range [][]float64{dx, dy} {
				for i := range g {
					g[i] *= w[0]
				}
			}
			return []numtest.Leaf[float64]{{Name: "x", Value: x, Grad: dx}, {Name: "y", Value: y, Grad: dy}}
		})
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestSlicedOnALine: in one dimension it is transport on the line, for any sizes and powers.
func TestSlicedOnALine(t *testing.T) {
	for _, sizes := range [][2]int{{1, 1}, {7, 7}, {12, 8}, {5, 31}} {
		x, y := clouds(2, sizes[0], sizes[1], 1)
		y[0] = x[0]
		for _, p := range []float64{1, 2, 1.5} {
			want, err := exact.Line(x, y, nil, nil, p)
			if err != nil {
				t.Fatal(err)
			}
			s := discrepancy.Sliced[float64]{P: p}
			got, err := s.Eval(x, y, sizes[0], sizes[1], 1, nil, nil)
			if err != nil || !(math.Abs(got-want.Value) <= 1e-14*max(1, want.Value)) {
				t.Errorf("%v, p = %g: %.15g and %v, want %.15g", sizes, p, got, err, want.Value)
			}
		}
	}
}

// TestSlicedTranslation: SW_2^2(x, x+t) is the mean of <theta, t>^2, in the mean |t|^2/d; its variance over the sphere is
// 2 (d-1)/(d^2 (d+2)) |t|^4 a direction. Within 4 standard errors; the gradient sums to -2/K sum <theta, t> theta, whose product with t is
// minus twice the value.
func TestSlicedTranslation(t *testing.T) {
	const n, d, count = 20, 5, 4000
	x, _ := clouds(3, n, 1, d)
	shift := []float64{1, -2, 0, .5, 3}
	y := slices.Clone(x)
	var square float64
	for k, v := range shift {
		square += v * v
		for i := range n {
			y[i*d+k] += v
		}
	}
	s := discrepancy.Sliced[float64]{Projections: count, Seed: 7}
	value, dx, _, err := slicedOf{&s}.Eval(x, y, n, n, d)
	if err != nil {
		t.Fatal(err)
	}
	se := math.Sqrt(2*(d-1)/float64(d*d*(d+2))/count) * square
	if want := square / d; !(math.Abs(value-want) <= 4*se) {
		t.Errorf("%.6g, want %.6g within %.2g", value, want, 4*se)
	}
	var along float64
	for i := range n {
		for k, v := range shift {
			along += dx[i*d+k] * v
		}
	}
	if !(math.Abs(along+2*value) <= 1e-12*value) {
		t.Errorf("derivative along the shift %.15g, want %.15g", along, -2*value)
	}
}

// TestSlicedDraws: one seed and draw, one value; another draw has other directions.
func TestSlicedDraws(t *testing.T) {
	const n, d = 30, 3
	x, y := clouds(4, n, n, d)
	eval := func(s discrepancy.Sliced[float64]) float64 {
		v, err := s.Eval(x, y, n, n, d, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	first := eval(discrepancy.Sliced[float64]{Seed: 1})
	if again := eval(discrepancy.Sliced[float64]{Seed: 1}); again != first {
		t.Errorf("%g, then %g from one seed", first, again)
	}
	if other := eval(discrepancy.Sliced[float64]{Seed: 1, Draw: 1}); other == first {
		t.Errorf("%g from two draws", first)
	}
}

// TestLongLines: sorting by digits, with repeated points, zeros of both signs and numbers of all sizes, in both precisions.
func TestLongLines(t *testing.T) {
	const n, m = 700, 301
	x, y := clouds(8, n, m, 1)
	for i := range x {
		x[i] = float64(float32(math.Ldexp(x[i], i%40-20)))
	}
	for j := range y {
		y[j] = math.Round(4*y[j]) / 4
	}
	y[0], y[1] = 0, math.Copysign(0, -1)
	for _, p := range []float64{1, 2} {
		want, err := exact.Line(x, y, nil, nil, p)
		if err != nil {
			t.Fatal(err)
		}
		wide, err := (&discrepancy.Sliced[float64]{P: p}).Eval(x, y, n, m, 1, nil, nil)
		if err != nil || !(math.Abs(wide-want.Value) <= 1e-13*want.Value) {
			t.Errorf("p = %g: %.15g and %v, want %.15g", p, wide, err, want.Value)
		}
		x32, y32 := make([]float32, n), make([]float32, m)
		for i, v := range x {
			x32[i] = float32(v)
		}
		for j, v := range y {
			y32[j] = float32(v)
		}
		narrow, err := (&discrepancy.Sliced[float32]{P: p}).Eval(x32, y32, n, m, 1, nil, nil)
		if err != nil || !(math.Abs(narrow-want.Value) <= 1e-13*want.Value) {
			t.Errorf("p = %g in float32: %.15g and %v, want %.15g: the points are float32", p, narrow, err, want.Value)
		}
	}
}

// TestWorkers: the same bits on any number of workers, in float32.
func TestWorkers(t *testing.T) {
	const n, m, d = 300, 200, 4
	x64, y64 := clouds(6, n, m, d)
	x, y := make([]float32, n*d), make([]float32, m*d)
	for i, v := range x64 {
		x[i] = float32(v)
	}
	for i, v := range y64 {
		y[i] = float32(v)
	}
	var first [][]float32
	for _, workers := range []int{1, 3, 7} {
		pool := parallel.New(workers)
		defer pool.Close()
		var got [][]float32
		for _, kernel := range discrepancy.KernelNames {
			k, err := discrepancy.NewKernel(kernel)
			if err != nil {
				t.Fatal(err)
			}
			dx, dy := make([]float32, n*d), make([]float32, m*d)
			v, err := (&discrepancy.MMD[float32]{Kernel: k, Runner: pool}).Eval(x, y, n, m, d, dx, dy, true)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, dx, dy, []float32{float32(v)})
		}
		dx, dy := make([]float32, n*d), make([]float32, m*d)
		v, err := (&discrepancy.Sliced[float32]{Runner: pool}).Eval(x, y, n, m, d, dx, dy)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, dx, dy, []float32{float32(v)})
		if first == nil {
			first = got
		}
		for k := range got {
			if !slices.Equal(got[k], first[k]) {
				t.Errorf("%d workers: array %d differs", workers, k)
			}
		}
	}
}

// TestNearest on clouds whose nearest points are known, far from the origin.
func TestNearest(t *testing.T) {
	const far = 1e5
	x := []float64{far, far, far + 3, far}                         // (0,0), (3,0)
	y := []float64{far, far + 1, far + 3, far + .5, far + 10, far} // (0,1), (3,.5), (10,0)
	c, err := logsumexp.NewPoints[float64](logsumexp.Euclidean, x, y, nil, nil, 2, 3, 2)
	if err != nil {
		t.Fatal(err)
	}
	near := discrepancy.NewNearest(nil, c)
	if h := near.Hausdorff(); !(math.Abs(h-7) <= 1e-9) {
		t.Errorf("Hausdorff distance %g, want 7: from (10,0) to (3,0)", h)
	}
	if got, want := near.Chamfer(), (1+.5)/2+(1+.5+7)/3; !(math.Abs(got-want) <= 1e-9) {
		t.Errorf("chamfer %g, want %g", got, want)
	}
	squared, err := logsumexp.NewPoints[float64](logsumexp.SqEuclidean, x, y, nil, nil, 2, 3, 2)
	if err != nil {
		t.Fatal(err)
	}
	if got := discrepancy.NewNearest(nil, squared).Hausdorff(); !(math.Abs(got-49) <= 1e-8) {
		t.Errorf("with |x-y|^2 %g, want 49", got)
	}
}

// TestErrors are inputs that must be refused.
func TestErrors(t *testing.T) {
	if _, err := discrepancy.NewKernel("x"); err == nil {
		t.Error("an unknown kernel was taken")
	}
	for _, s := range []float64{0, math.NaN(), math.Inf(1)} {
		if _, err := discrepancy.NewKernel("imq", 1, s); err == nil {
			t.Errorf("bandwidth %g was taken", s)
		}
	}
	one := []float64{1}
	if _, err := (&discrepancy.MMD[float64]{}).Eval(one, one, 1, 1, 1, nil, nil, true); err == nil {
		t.Error("an MMD without kernel")
	}
	if _, err := newMMD(t, "energy", true).Eval(one, one, 1, 1, 1, nil, nil, true); err == nil {
		t.Error("the unbiased estimate of one point")
	}
	for _, s := range []discrepancy.Sliced[float64]{{P: .5}, {P: math.Inf(1)}, {Projections: -1}} {
		if _, err := s.Eval(one, one, 1, 1, 1, nil, nil); err == nil {
			t.Errorf("%+v was taken", s)
		}
	}
	var s discrepancy.Sliced[float64]
	if _, err := s.Eval([]float64{math.NaN()}, one, 1, 1, 1, nil, nil); err == nil {
		t.Error("NaN was taken")
	}
	if _, err := s.Eval(one, one, 1, 2, 1, nil, nil); err == nil {
		t.Error("a wrong size was taken")
	}
}
