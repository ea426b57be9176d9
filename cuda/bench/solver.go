package main

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"

	"github.com/sinkcpu/sinkcpu/bench/row"
	"github.com/sinkcpu/sinkcpu/logsumexp"
	"github.com/sinkcpu/sinkcpu/sinkhorn"
)

// cloudPair is the problem that is timed.
func cloudPair(n, d int) *sinkhorn.DeviceProblem {
	rng := rand.New(rand.NewPCG(1, uint64(n)))
	draw := func() []float32 {
		x := make([]float32, n*d)
		for i := range x {
			x[i] = float32(rng.NormFloat64() / math.Sqrt(2*float64(d)))
		}
		return x
	}
	w := make([]float64, n)
	for i := range w {
		w[i] = 1 / float64(n)
	}
	p := &sinkhorn.DeviceProblem{N: n, M: n, Dim: d, Ground: logsumexp.SqEuclidean, X: draw(), Y: draw(), A: w, B: w}
	var most float64
	for _, cloud := range [][]float32{p.X, p.Y} {
		for i := range n {
			most = max(most, square(cloud[i*d:(i+1)*d]))
		}
	}
	p.Largest = 4 * most
	return p
}

func square(x []float32) (s float64) {
	for _, v := range x {
		s += float64(v) * float64(v)
	}
	return s
}

// A solverRow is a row of iterations, or of the gradient where count is 0.
type solverRow struct {
	row.Row
	n, d, count int
	precision   string
}

// solverPart returns the rows of the solver, small sizes first, and what makes them.
func (b *bench) solverPart() (rows []row.Row, run func(context.Context) error) {
	sizes, _ := numbers("sizes", b.sizes) // were checked
	iterations, _ := numbers("iterations", b.iterations)
	precisions := []string{"3xTF32", "TF32"}
	if b.info.Major < 8 || b.dim <= byDifferences {
		precisions = []string{"f32"}
	}
	var problems [][]solverRow
	for _, n := range sizes {
		for _, precision := range precisions {
			var group []solverRow
			for _, count := range append(slices.Clone(iterations), 0) {
				r := solverRow{n: n, d: b.dim, count: count, precision: precision}
				r.Name, r.Params = "gradient", row.P("peer", "sinkcpu", "n", strconv.Itoa(n), "d", strconv.Itoa(b.dim), "precision", precision)
				if count > 0 {
					r.Name, r.Params = "sinkhorn", append(r.Params, row.Param{Key: "iterations", Value: strconv.Itoa(count)})
				}
				r.SetLimit(r.limit(b.info, b.ghz))
				group, rows = append(group, r), append(rows, r.Row)
			}
			problems = append(problems, group)
		}
	}
	return rows, func(ctx context.Context) error {
		for _, group := range problems {
			wanted := slices.DeleteFunc(slices.Clone(group), func(r solverRow) bool { return !b.wanted(r.Row) })
			if len(wanted) == 0 {
				continue
			}
			if err := b.problem(ctx, wanted, iterations[0]); err != nil {
				return err
			}
		}
		return nil
	}
}

// problem adds rows of one size and precision, of which the gradient is the last. It is taken after the iterations of the row before, or after some.
func (b *bench) problem(ctx context.Context, rows []solverRow, some int) error {
	n := rows[0].n
	p := cloudPair(n, b.dim)
	fl, err := b.solver(rows[0].precision == "TF32").Load(p)
	if err != nil {
		for _, r := range rows {
			if err := b.fail(ctx, r.Row, err); err != nil {
				return err
			}
		}
		return nil
	}
	defer fl.Close()
	f, g, dx := make([]float64, n), make([]float64, n), make([]float32, n*b.dim)
	start := make([]float64, n)
	for j := range start {
		start[j] = math.Log2(p.B[j])
	}
	c := &checked{p: p, eps: b.eps, f: f, g: g}
	forward := func(count int) error {
		if err := fl.Start(b.eps, nil, start); err != nil {
			return err
		}
		if err := fl.Iterate(1, make([]float64, count)); err != nil {
			return err
		}
		return fl.Potentials(f, g)
	}
	for k, r := range rows {
		run, check := func() error { return forward(r.count) }, func() (string, error) { return c.columns(fl.Unit()) }
		if r.count == 0 {
			run, check = func() error { return fl.Gradient(dx) }, func() (string, error) { return c.gradient(dx, fl.Unit()) }
			if k == 0 {
				if err := forward(some); err != nil {
					return b.fail(ctx, r.Row, err)
				}
			}
		}
		if err := b.time(ctx, r.Row, run, check); err != nil {
			return err
		}
	}
	return nil
}

// checked holds some rows and columns of a result against float64 on the processor.
type checked struct {
	p    *sinkhorn.DeviceProblem
	eps  float64
	f, g []float64
}

const checkedRows = 16

// cost returns a cost in float64.
func (c *checked) cost(i, j int) (s float64) {
	d := c.p.Dim
	x, y := c.p.X[i*d:(i+1)*d], c.p.Y[j*d:(j+1)*d]
	for k := range x {
		t := float64(x[k]) - float64(y[k])
		s += t * t
	}
	return s
}

// columns compares G with the update by F, in units of the cost.
func (c *checked) columns(unit float64) (note string, err error) {
	kappa := math.Log2E / c.eps
	var off float64
	for k := range checkedRows {
		j := k * (c.p.M - 1) / checkedRows
		var sum float64
		for i := range c.p.N {
			sum += c.p.A[i] * math.Exp2(c.f[i]+c.g[j]-kappa*c.cost(i, j))
		}
		off = max(off, math.Abs(math.Log2(sum/c.p.B[j]))/kappa)
	}
	if limit := 4 * unit * c.p.Largest; !(off <= max(2e-5, limit)) {
		return "", fmt.Errorf("a potential of %d is off by %.2g of the mean cost", checkedRows, off)
	}
	return fmt.Sprintf("potentials off by %.1g of the mean cost", off), nil
}

// gradient compares rows of the derivative by the points.
func (c *checked) gradient(dx []float32, unit float64) (note string, err error) {
	d, kappa := c.p.Dim, math.Log2E/c.eps
	var off, most float64
	for k := range checkedRows {
		i := k * (c.p.N - 1) / checkedRows
		want := make([]float64, d)
		for j := range c.p.M {
			p := c.p.A[i] * math.Exp2(c.f[i]+c.g[j]-kappa*c.cost(i, j))
			for l := range want {
				want[l] += 2 * p * (float64(c.p.X[i*d+l]) - float64(c.p.Y[j*d+l]))
			}
		}
		for l, v := range want {
			most, off = max(most, math.Abs(v)), max(off, math.Abs(float64(dx[i*d+l])-v))
		}
	}
	if limit := 16 * unit * kappa * c.p.Largest; !(off <= max(1e-3, limit)*most) {
		return "", fmt.Errorf("the gradient is off by %.2g of its largest entry", off/most)
	}
	return fmt.Sprintf("off by %.1g of the largest entry", off/most), nil
}
