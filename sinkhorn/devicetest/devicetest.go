package devicetest

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/sinkcpu/sinkcpu/logsumexp"
	"github.com/sinkcpu/sinkcpu/sinkhorn"
)

// Test holds a device against what [sinkhorn.Device] and [sinkhorn.DeviceFlow] promise: every method against [Reference] within the rounding of
// exponents in float32, the same bits each time, sizes around those of tiles, every reach, and whole solves against the processor's. Grounds
// that the device refuses are skipped, but squared distances and stored costs must be there.
func Test(t *testing.T, d sinkhorn.Device) {
	if d.Name() == "" {
		t.Error("a device without a name")
	}
	for _, c := range cases() {
		t.Run(c.name, func(t *testing.T) { c.test(t, d) })
	}
	t.Run("far", func(t *testing.T) { testFar(t, d) })
	t.Run("many", func(t *testing.T) { testMany(t, d) })
	t.Run("solve", func(t *testing.T) { testSolve(t, d) })
}

// A flowCase is a problem and where its iterations start.
type flowCase struct {
	name     string
	p        *sinkhorn.DeviceProblem
	eps      float64
	scale    float64 // of what rounds in a cost
	required bool
	g        []float64
	rng      *rand.Rand
}

// sizes are around those of tiles.
var sizes = [][2]int{{1, 1}, {1, 7}, {5, 1}, {3, 5}, {17, 33}, {31, 64}, {64, 64}, {65, 127}, {130, 70}, {33, 257}}

func cases() []*flowCase {
	power, _ := logsumexp.Power(1.5)
	var all []*flowCase
	add := func(ground logsumexp.Ground, dims ...int) {
		for _, d := range dims {
			all = append(all, newFlowCase(len(all), ground, d))
		}
	}
	add(logsumexp.SqEuclidean, 1, 2, 3, 5, 8, 9, 16, 17, 33, 64, 100, 2, 2, 3, 20)
	add(logsumexp.HalfSqEuclidean, 3, 20)
	add(logsumexp.SqEuclidean, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0) // stored
	add(logsumexp.Euclidean, 2, 17, 64)
	add(logsumexp.L1, 1, 6)
	add(logsumexp.Cosine, 3, 40)
	add(logsumexp.DotProduct, 2, 50)
	add(power, 2)
	return all
}

// reaches are those of rows and columns in turn.
var reaches = [][2]sinkhorn.Reach{
	{}, {{Penalty: sinkhorn.KL, Rho: 1}, {Penalty: sinkhorn.KL, Rho: .5}}, {}, {{Penalty: sinkhorn.KL, Rho: .7}, {}},
	{{Penalty: sinkhorn.TV, Rho: .4}, {Penalty: sinkhorn.TV, Rho: .6}}, {}, {{Penalty: sinkhorn.Part, Rho: .8}, {Penalty: sinkhorn.Part, Rho: .8}},
}

func newFlowCase(k int, ground logsumexp.Ground, d int) *flowCase {
	rng := rand.New(rand.NewPCG(uint64(k), 7))
	n, m := sizes[k%len(sizes)][0], sizes[k%len(sizes)][1]
	p := &sinkhorn.DeviceProblem{N: n, M: m, Dim: d, Ground: ground, A: weights(rng, n), B: weights(rng, m)}
	p.Rows, p.Columns = reaches[k%len(reaches)][0], reaches[k%len(reaches)][1]
	if k%2 == 1 {
		p.U, p.V = normals(rng, n, .1), normals(rng, m, .1)
	}
	c := &flowCase{p: p, rng: rng, required: ground == logsumexp.SqEuclidean || ground == logsumexp.HalfSqEuclidean}
	what := "stored"
	if d == 0 {
		c.store(k%4 == 0)
	} else {
		what = fmt.Sprintf("%v/d=%d", ground, d)
		c.place(k%3 == 0)
	}
	c.eps = []float64{.05, .5, .01}[k%3] * max(p.Largest, .1)
	c.name = fmt.Sprintf("%s/%dx%d/%d", what, n, m, k)
	c.g = normals(rng, m, .3*math.Log2E/c.eps*p.Largest)
	return c
}

// store gives the case a matrix whose rows lie apart, some pairs forbidden.
func (c *flowCase) store(forbid bool) {
	p := c.p
	p.Ld = p.M + 3
	p.C = make([]float32, p.N*p.Ld)
	for i := range p.N {
		for j := range p.M {
			v := 4 * c.rng.Float32()
			p.Largest = max(p.Largest, float64(v))
			if forbid && i != j%p.N && j != i%p.M && c.rng.IntN(4) == 0 {
				v = float32(math.Inf(1))
			}
			p.C[i*p.Ld+j] = v
		}
	}
	c.scale = p.Largest
}

// place gives the case points, the first of either cloud at the same place.
func (c *flowCase) place(same bool) {
	p := c.p
	p.X, p.Y = narrow(normals(c.rng, p.N*p.Dim, 1)), narrow(normals(c.rng, p.M*p.Dim, 1))
	if same {
		copy(p.Y[:p.Dim], p.X[:p.Dim])
	}
	if p.Ground == logsumexp.Cosine {
		normalise(p.X, p.Dim)
		normalise(p.Y, p.Dim)
	}
	g := grounds(p.Ground)
	for i := range p.N {
		for j := range p.M {
			p.Largest = max(p.Largest, math.Abs(g.cost(p.X[i*p.Dim:(i+1)*p.Dim], p.Y[j*p.Dim:(j+1)*p.Dim])))
		}
	}
	if c.scale = p.Largest; p.Ground == logsumexp.SqEuclidean || p.Ground == logsumexp.HalfSqEuclidean || p.Ground == logsumexp.DotProduct {
		c.scale = largestSquare(p.X, p.Dim) + largestSquare(p.Y, p.Dim)
	}
}

// test holds each method against the reference.
func (c *flowCase) test(t *testing.T, d sinkhorn.Device) {
	fl, want := c.load(t, d), c.load(t, new(Reference))
	defer fl.Close()
	defer want.Close()
	for _, f := range []sinkhorn.DeviceFlow{fl, want} {
		check(t, f.Start(c.eps, nil, c.g))
	}
	c.iterate(t, fl, want, 1, 1)
	c.iterate(t, fl, want, 1, 3)
	c.iterate(t, fl, want, 1.4, 2)
	c.products(t, fl, want)
	c.repeats(t, fl)
	if c.p.N == c.p.M {
		c.symmetric(t, d)
	}
}

func (c *flowCase) load(t *testing.T, d sinkhorn.Device) sinkhorn.DeviceFlow {
	t.Helper()
	fl, err := d.Load(c.p)
	if errors.Is(err, errors.ErrUnsupported) && !c.required {
		t.Skipf("%s has nothing for %v: %v", d.Name(), c.p.Ground, err)
	}
	check(t, err)
	return fl
}

// exponent bounds what rounding does to an exponent: products of coordinates or entries, times kappa, and potentials, in float32 or
// what the device takes for it.
func (c *flowCase) exponent(fl sinkhorn.DeviceFlow, f, g []float64) float64 {
	kappa := math.Log2E / c.eps
	return 1e-6 + 4*max(0x1p-24, fl.Unit())*kappa*(c.scale+c.p.Largest) + 0x1p-22*(largest(f)+largest(g)+kappa*c.p.Largest)
}

// iterate makes some iterations of both, and compares potentials and what was seen.
func (c *flowCase) iterate(t *testing.T, fl, want sinkhorn.DeviceFlow, omega float64, count int) {
	t.Helper()
	errs, wantErrs := make([]float64, count), make([]float64, count)
	check(t, fl.Iterate(omega, errs))
	check(t, want.Iterate(omega, wantErrs))
	c.compare(t, fl, want, errs, wantErrs)
}

func (c *flowCase) compare(t *testing.T, fl, want sinkhorn.DeviceFlow, errs, wantErrs []float64) {
	t.Helper()
	f, g := c.potentials(t, fl)
	wantF, wantG := c.potentials(t, want)
	tol := c.exponent(fl, wantF, wantG) * float64(4*len(errs))
	near(t, "F", f, wantF, tol)
	near(t, "G", g, wantG, tol)
	for k, e := range errs {
		size := wantErrs[k] + 2*(sum(c.p.A)+sum(c.p.B))
		if !(math.Abs(e-wantErrs[k]) <= 2*tol*size) {
			t.Errorf("iteration %d of %d saw an error of %g, want %g to %.2g", k+1, len(errs), e, wantErrs[k], 2*tol*size)
		}
	}
	// From here on both go on from the same potentials: differences do not add up.
	check(t, fl.Start(c.eps, wantF, wantG))
}

func (c *flowCase) potentials(t *testing.T, fl sinkhorn.DeviceFlow) (f, g []float64) {
	t.Helper()
	f, g = make([]float64, c.p.N), make([]float64, c.p.M)
	check(t, fl.Potentials(f, g))
	return f, g
}

// products compares sums of the plan.
func (c *flowCase) products(t *testing.T, fl, want sinkhorn.DeviceFlow) {
	t.Helper()
	n, m := c.p.N, c.p.M
	f, g := c.potentials(t, want)
	tol := 2 * c.exponent(fl, f, g)
	var sums [2][3][]float64
	for k, at := range []sinkhorn.DeviceFlow{fl, want} {
		sums[k] = [3][]float64{make([]float64, n), make([]float64, m), make([]float64, n)}
		check(t, at.Weigh(sums[k][0], sums[k][1], sums[k][2]))
	}
	for k, what := range []string{"row", "column", "cost of row"} {
		for i, v := range sums[1][k] {
			size := math.Abs(v)
			if k == 2 {
				size = sums[1][0][i] * c.scale
			}
			if !(math.Abs(sums[0][k][i]-v) <= tol*size+1e-12) {
				t.Fatalf("%s %d of the plan is %g, want %g", what, i, sums[0][k][i], v)
			}
		}
	}
	for _, d := range []int{1, 3, max(1, c.p.Dim)} {
		for _, transposed := range []bool{false, true} {
			from, to, mass := m, n, sums[1][0]
			if transposed {
				from, to, mass = n, m, sums[1][1]
			}
			v, dst, wanted := narrow(normals(c.rng, from*d, 1)), make([]float32, to*d), make([]float32, to*d)
			check(t, fl.Apply(dst, v, d, transposed))
			check(t, want.Apply(wanted, v, d, transposed))
			compareRows(t, fmt.Sprintf("product with %d vectors, transposed %v", d, transposed), dst, wanted, d, mass, 4*tol)
		}
	}
	if d := c.p.Dim; d > 0 {
		dx, wanted := make([]float32, n*d), make([]float32, n*d)
		check(t, fl.Gradient(dx))
		check(t, want.Gradient(wanted))
		size := tol
		if p := c.p.Ground.String(); p == "sqeuclidean" || p == "halfsqeuclidean" {
			size *= 1 + math.Sqrt(c.scale)
		}
		compareRows(t, "gradient", dx, wanted, d, sums[1][0], 8*size)
	}
}

// compareRows holds rows of width d against others; each sums entries of weight mass.
func compareRows(t *testing.T, what string, got, want []float32, d int, mass []float64, tol float64) {
	t.Helper()
	for i, v := range want {
		if !(math.Abs(float64(got[i]-v)) <= tol*(math.Abs(float64(v))+2*mass[i/d])+1e-12) {
			t.Fatalf("%s: row %d, column %d is %g, want %g", what, i/d, i%d, got[i], v)
		}
	}
}

// repeats: the same calls give the same bits, whether iterations come one by one or together.
func (c *flowCase) repeats(t *testing.T, fl sinkhorn.DeviceFlow) {
	t.Helper()
	run := func(batches ...int) []float64 {
		check(t, fl.Start(c.eps, nil, c.g))
		var out []float64
		for _, count := range batches {
			errs := make([]float64, count)
			check(t, fl.Iterate(1, errs))
			out = append(out, errs...)
		}
		f, g := c.potentials(t, fl)
		rows, columns, costs := make([]float64, c.p.N), make([]float64, c.p.M), make([]float64, c.p.N)
		check(t, fl.Weigh(rows, columns, costs))
		return slices.Concat(out, f, g, rows, columns, costs)
	}
	first := run(4)
	if !slices.Equal(first, run(4)) {
		t.Error("the same iterations give other bits")
	}
	if !slices.Equal(first, run(1, 2, 1)) {
		t.Error("iterations in other batches give other bits")
	}
}

// symmetric compares the symmetric update, of the cloud or matrix against itself.
func (c *flowCase) symmetric(t *testing.T, d sinkhorn.Device) {
	t.Helper()
	own := *c
	p := *c.p
	p.Y, p.B, p.V, p.Columns, p.Self = p.X, p.A, p.U, p.Rows, true
	if p.Dim == 0 {
		p.C = slices.Clone(p.C)
		for i := range p.N {
			for j := range i {
				p.C[i*p.Ld+j] = p.C[j*p.Ld+i]
			}
		}
	}
	own.p = &p
	fl, want := own.load(t, d), own.load(t, new(Reference))
	defer fl.Close()
	defer want.Close()
	for _, f := range []sinkhorn.DeviceFlow{fl, want} {
		check(t, f.Start(c.eps, nil, c.g))
	}
	for _, count := range []int{1, 3} {
		errs, wantErrs := make([]float64, count), make([]float64, count)
		check(t, fl.Symmetric(errs))
		check(t, want.Symmetric(wantErrs))
		own.compare(t, fl, want, errs, wantErrs)
	}
}

// testFar: potentials from anywhere and temperatures down to where float32 has no digit left give finite numbers.
func testFar(t *testing.T, d sinkhorn.Device) {
	c := newFlowCase(7, logsumexp.SqEuclidean, 3)
	for _, eps := range []float64{1e-6, 1e-3, 1e6} {
		for _, far := range []float64{0, 1e5, -1e5} {
			fl := c.load(t, d)
			g := slices.Clone(c.g)
			for j := range g {
				g[j] += far * float64(j%3)
			}
			check(t, fl.Start(eps*c.p.Largest, nil, g))
			errs := make([]float64, 3)
			check(t, fl.Iterate(1, errs))
			f, g := c.potentials(t, fl)
			for _, v := range slices.Concat(errs, f, g) {
				if math.IsNaN(v) || math.IsInf(v, 0) {
					t.Fatalf("eps %g from %g: %g", eps, far, v)
				}
			}
			fl.Close()
		}
	}
}

// testMany: flows come and go, some of them at once, and do not see each other.
func testMany(t *testing.T, d sinkhorn.Device) {
	a, b := newFlowCase(6, logsumexp.SqEuclidean, 2), newFlowCase(4, logsumexp.SqEuclidean, 0)
	alone := func(c *flowCase) []float64 {
		fl := c.load(t, d)
		defer fl.Close()
		check(t, fl.Start(c.eps, nil, c.g))
		check(t, fl.Iterate(1, make([]float64, 2)))
		f, _ := c.potentials(t, fl)
		return f
	}
	wantA, wantB := alone(a), alone(b)
	for range 8 {
		fa, fb := a.load(t, d), b.load(t, d)
		check(t, fa.Start(a.eps, nil, a.g))
		check(t, fb.Start(b.eps, nil, b.g))
		check(t, fa.Iterate(1, make([]float64, 2)))
		check(t, fb.Iterate(1, make([]float64, 2)))
		gotA, _ := a.potentials(t, fa)
		gotB, _ := b.potentials(t, fb)
		if !slices.Equal(gotA, wantA) || !slices.Equal(gotB, wantB) {
			t.Fatal("two problems at once give other bits than each alone")
		}
		fb.Close()
		fa.Close()
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func near(t *testing.T, what string, got, want []float64, tol float64) {
	t.Helper()
	for i, v := range want {
		if !(math.Abs(got[i]-v) <= tol) {
			t.Fatalf("%s[%d] is %g, want %g to %.2g", what, i, got[i], v, tol)
		}
	}
}

func weights(rng *rand.Rand, n int) []float64 {
	w := make([]float64, n)
	for i := range w {
		w[i] = .1 + rng.Float64()
	}
	total := sum(w)
	for i := range w {
		w[i] /= total
	}
	return w
}

func normals(rng *rand.Rand, n int, scale float64) []float64 {
	x := make([]float64, n)
	for i := range x {
		x[i] = scale * rng.NormFloat64()
	}
	return x
}

func narrow(x []float64) []float32 {
	out := make([]float32, len(x))
	round(out, x)
	return out
}

func normalise(x []float32, d int) {
	for ; len(x) > 0; x = x[d:] {
		size := float32(math.Sqrt(largestSquare(x[:d], d)))
		for k := range d {
			x[k] /= size
		}
	}
}

func largestSquare(x []float32, d int) (most float64) {
	for ; len(x) > 0; x = x[d:] {
		var s float64
		for _, v := range x[:d] {
			s += float64(v) * float64(v)
		}
		most = max(most, s)
	}
	return most
}

func largest(x []float64) (most float64) {
	for _, v := range x {
		most = max(most, math.Abs(v))
	}
	return most
}

func sum(x []float64) (s float64) {
	for _, v := range x {
		s += v
	}
	return s
}
