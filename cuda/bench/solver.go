package main

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"

	"github.com/sinkcpu/sinkcpu/bench/row"
	"github.com/sinkcpu/sinkcpu/cuda/device"
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

// problem adds the rows of a size and precision.
func (b *bench) problem(ctx context.Context, d *device.Device, s sinkhorn.Device, n int, precision string) error {
	p := cloudPair(n, b.dim)
	fl, err := s.Load(p)
	if err != nil {
		return err
	}
	defer fl.Close()
	iterations, err := numbers("iterations", b.iterations)
	if err != nil {
		return err
	}
	f, g, dx := make([]float64, n), make([]float64, n), make([]float32, n*b.dim)
	start := make([]float64, n)
	for j := range start {
		start[j] = math.Log2(p.B[j])
	}
	var failed error
	ask := func(err error) {
		if err != nil && failed == nil {
			failed = err
		}
	}
	for _, count := range iterations {
		forward := func() {
			ask(fl.Start(b.eps, nil, start))
			ask(fl.Iterate(1, make([]float64, count)))
			ask(fl.Potentials(f, g))
		}
		forward()
		c := &checked{p: p, eps: b.eps, f: f, g: g}
		note, wrong := c.columns(fl.Unit())
		b.add(ctx, d, "sinkhorn", n, count, precision, 2*float64(count), note, wrong, forward)
		if failed != nil {
			return failed
		}
	}
	backward := func() { ask(fl.Gradient(dx)) }
	backward()
	c := &checked{p: p, eps: b.eps, f: f, g: g}
	note, wrong := c.gradient(dx, fl.Unit())
	b.add(ctx, d, "gradient", n, 0, precision, 2, note, wrong, backward)
	return failed
}

// add times run, which reads every pair passes times, and adds its row.
func (b *bench) add(ctx context.Context, d *device.Device, name string, n, count int, precision string, passes float64, note string, wrong error, run func()) {
	params := row.P("peer", "sinkcpu", "n", strconv.Itoa(n), "d", strconv.Itoa(b.dim), "precision", precision)
	if count > 0 {
		params = append(params, row.Param{Key: "iterations", Value: strconv.Itoa(count)})
	}
	r, ok := b.time(ctx, name, params, note, wrong, run)
	if !ok {
		return
	}
	terms := 3.
	if precision == "TF32" {
		terms = 1
	}
	pairs := passes * float64(n) * float64(n)
	info, ghz := d.Info(), b.ghz
	if ghz == 0 {
		ghz = float64(info.ClockMHz) / 1e3
	}
	exps := pairs / (16e9 * ghz * float64(info.Processors))
	products := pairs * 2 * float64(b.dim) * terms / (1e12 * b.tflops)
	if name == "gradient" {
		exps /= 2 // of its two products, one by the plan
	}
	if exps >= products {
		r.SetLimit(1e3*exps, "exp unit")
	} else {
		r.SetLimit(1e3*products, "tensor cores")
	}
}

// time adds a row with the time of run, or with what was wrong, and returns it to be amended.
func (b *bench) time(ctx context.Context, name string, params []row.Param, note string, wrong error, run func()) (*row.Row, bool) {
	samples, err := row.Samples{}, wrong
	if err == nil {
		samples, err = b.meter.Run(ctx, run)
	}
	r := row.Row{Name: name, Params: params, Unit: "ms", Lower: true}
	if err != nil {
		r.Error = err.Error()
	} else {
		r = samples.Time(name, params, 1e3, "ms")
		r.Note = note
	}
	b.report.Rows = append(b.report.Rows, r)
	return &b.report.Rows[len(b.report.Rows)-1], err == nil
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
