// Package devicetest tests implementations of [sinkhorn.Device], against one in plain Go that is meant to be read.
package devicetest

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/sinkcpu/sinkcpu/logsumexp"
	"github.com/sinkcpu/sinkcpu/sinkhorn"
)

// Reference is a device whose arithmetic is float64 throughout, formula by formula as [sinkhorn.DeviceFlow] has them. It fails when told to.
type Reference struct {
	// Refuse makes Load say that there is nothing for the problem.
	Refuse bool

	// FailAt is the call of a flow's methods, over all flows and with Load the first, that fails with Fault; 0 for none.
	FailAt int64
	Fault  error

	// NaNAt is the call that returns NaN in place of numbers.
	NaNAt int64

	// Rounding, where not 0, is what Unit reports.
	Rounding float64

	calls  atomic.Int64
	open   atomic.Int64
	loaded atomic.Int64
}

// Name is "reference".
func (d *Reference) Name() string { return "reference" }

// Calls returns how many calls there were, Loaded how many problems were taken, and Open how many flows were not closed.
func (d *Reference) Calls() int64 { return d.calls.Load() }

// Loaded returns how many problems were taken.
func (d *Reference) Loaded() int64 { return d.loaded.Load() }

// Open returns how many flows are not closed.
func (d *Reference) Open() int64 { return d.open.Load() }

// call counts a call, and reports whether it returns NaN or fails.
func (d *Reference) call() (nan bool, err error) {
	k := d.calls.Add(1)
	if k == d.FailAt {
		return false, d.Fault
	}
	return k == d.NaNAt, nil
}

// Load computes the matrix of costs in float64.
func (d *Reference) Load(p *sinkhorn.DeviceProblem) (sinkhorn.DeviceFlow, error) {
	if _, err := d.call(); err != nil {
		return nil, err
	}
	if d.Refuse {
		return nil, fmt.Errorf("devicetest: told to refuse: %w", errors.ErrUnsupported)
	}
	d.open.Add(1)
	d.loaded.Add(1)
	fl := &flow{device: d, p: *p, f: make([]float64, p.N), g: make([]float64, p.M), c: make([]float64, p.N*p.M)}
	fl.ground = grounds(p.Ground)
	for i := range p.N {
		for j := range p.M {
			if p.Dim == 0 {
				fl.c[i*p.M+j] = float64(p.C[i*p.Ld+j])
			} else {
				fl.c[i*p.M+j] = fl.ground.cost(p.X[i*p.Dim:(i+1)*p.Dim], p.Y[j*p.Dim:(j+1)*p.Dim])
			}
		}
	}
	return fl, nil
}

// flow holds potentials that are rounded to float32 where exponents are formed.
type flow struct {
	device     *Reference
	p          sinkhorn.DeviceProblem
	ground     ground
	c          []float64
	eps, kappa float64
	f, g       []float64
}

func (fl *flow) Unit() float64 {
	if fl.device.Rounding > 0 {
		return fl.device.Rounding
	}
	return 0x1p-24
}

func (fl *flow) Close() { fl.device.open.Add(-1) }

func (fl *flow) Start(eps float64, f, g []float64) error {
	_, err := fl.device.call()
	fl.eps, fl.kappa = eps, math.Log2E/eps
	clear(fl.f)
	copy(fl.f, f)
	copy(fl.g, g)
	return err
}

func (fl *flow) Potentials(f, g []float64) error {
	nan, err := fl.device.call()
	copy(f, fl.f)
	copy(g, fl.g)
	if nan {
		f[0] = math.NaN()
	}
	return err
}

func (fl *flow) Iterate(omega float64, errs []float64) error {
	nan, err := fl.device.call()
	for k := range errs {
		errs[k] = 0
		target, seen := make([]float64, fl.p.N), 0.
		for i, a := range fl.p.A {
			s := fl.rowLSE(i)
			seen += miss(fl.p.Rows, a*math.Exp2(fl.f[i]+s), a, fl.f[i]/fl.kappa+at(fl.p.U, i))
			target[i] = fl.relax(fl.p.Rows, -s, at(fl.p.U, i))
		}
		if omega > 1 {
			errs[k] += seen
		}
		for i := range target {
			fl.f[i] += omega * (target[i] - fl.f[i])
		}
		for j, b := range fl.p.B {
			t := fl.columnLSE(j)
			errs[k] += miss(fl.p.Columns, math.Exp2(fl.g[j]+t), b, (fl.g[j]-math.Log2(b))/fl.kappa+at(fl.p.V, j))
			fl.g[j] += omega * (math.Log2(b) + fl.relax(fl.p.Columns, -t, at(fl.p.V, j)) - fl.g[j])
		}
		if nan {
			errs[k] = math.NaN()
		}
	}
	return err
}

func (fl *flow) Symmetric(errs []float64) error {
	nan, err := fl.device.call()
	for k := range errs {
		errs[k] = 0
		for i, a := range fl.p.A {
			h, s := fl.g[i]-math.Log2(a), fl.rowLSE(i)
			errs[k] += 2 * miss(fl.p.Rows, a*math.Exp2(h+s), a, h/fl.kappa+at(fl.p.U, i))
			fl.f[i] = (h + fl.relax(fl.p.Rows, -s, at(fl.p.U, i))) / 2
		}
		for i, a := range fl.p.A {
			fl.g[i] = fl.f[i] + math.Log2(a)
		}
		if nan {
			errs[k] = math.NaN()
		}
	}
	return err
}

func (fl *flow) Weigh(rows, columns, costs []float64) error {
	nan, err := fl.device.call()
	clear(rows)
	clear(columns)
	clear(costs)
	fl.each(func(i, j int, p float64) {
		rows[i] += p
		columns[j] += p
		if p > 0 {
			costs[i] += p * fl.c[i*fl.p.M+j]
		}
	})
	if nan {
		rows[0] = math.NaN()
	}
	return err
}

func (fl *flow) Apply(dst, v []float32, d int, transposed bool) error {
	nan, err := fl.device.call()
	wide := make([]float64, len(dst))
	fl.each(func(i, j int, p float64) {
		if transposed {
			i, j = j, i
		}
		for k := range d {
			wide[i*d+k] += p * float64(v[j*d+k])
		}
	})
	round(dst, wide)
	if nan {
		dst[0] = float32(math.NaN())
	}
	return err
}

func (fl *flow) Gradient(dx []float32) error {
	nan, err := fl.device.call()
	d := fl.p.Dim
	wide := make([]float64, len(dx))
	fl.each(func(i, j int, p float64) {
		fl.ground.gradient(wide[i*d:(i+1)*d], p, fl.p.X[i*d:(i+1)*d], fl.p.Y[j*d:(j+1)*d])
	})
	round(dx, wide)
	if nan {
		dx[0] = float32(math.NaN())
	}
	return err
}

// each visits the plan.
func (fl *flow) each(visit func(i, j int, p float64)) {
	for i, a := range fl.p.A {
		for j := range fl.p.M {
			visit(i, j, a*math.Exp2(rounded(fl.f[i])+rounded(fl.g[j])-fl.kappa*fl.c[i*fl.p.M+j]))
		}
	}
}

func (fl *flow) rowLSE(i int) float64 {
	return logSum(fl.p.M, func(j int) float64 { return rounded(fl.g[j]) - fl.kappa*fl.c[i*fl.p.M+j] })
}

func (fl *flow) columnLSE(j int) float64 {
	return logSum(fl.p.N, func(i int) float64 { return math.Log2(fl.p.A[i]) + rounded(fl.f[i]) - fl.kappa*fl.c[i*fl.p.M+j] })
}

// logSum returns log2 sum_k 2^l(k) over k < n.
func logSum(n int, l func(k int) float64) float64 {
	top, sum := math.Inf(-1), 0.
	for k := range n {
		top = max(top, l(k))
	}
	for k := range n {
		sum += math.Exp2(l(k) - top)
	}
	return top + math.Log2(sum)
}

func (fl *flow) relax(r sinkhorn.Reach, v, t float64) float64 {
	v = v/fl.kappa + t
	switch r.Penalty {
	case sinkhorn.KL:
		v *= r.Rho / (r.Rho + fl.eps)
	case sinkhorn.TV:
		v = max(-r.Rho, min(r.Rho, v))
	case sinkhorn.Part:
		v = min(r.Rho, v)
	}
	return fl.kappa * (v - t)
}

func miss(r sinkhorn.Reach, marginal, w, h float64) float64 {
	top := r.Rho * (1 - 0x1p-18)
	switch {
	case r.Penalty == sinkhorn.KL:
		w *= math.Exp(-h / r.Rho)
	case r.Penalty != sinkhorn.Exact && h >= top:
		return max(0, marginal-w)
	case r.Penalty == sinkhorn.TV && h <= -top:
		return max(0, w-marginal)
	}
	return math.Abs(marginal - w)
}

// at returns an entry of a vector of which nil is zeros.
func at(x []float64, i int) float64 {
	if x == nil {
		return 0
	}
	return x[i]
}

func rounded(v float64) float64 { return float64(float32(v)) }

func round(dst []float32, x []float64) {
	for i, v := range x {
		dst[i] = float32(v)
	}
}

// A ground is the cost of a pair and its derivative by x, times p, added to g.
type ground struct {
	name  string
	power float64
}

func grounds(g logsumexp.Ground) ground {
	name := g.String()
	if s, ok := strings.CutPrefix(name, "pow:"); ok {
		p, _ := strconv.ParseFloat(s, 64)
		return ground{"pow", p}
	}
	return ground{name, 1}
}

func (g ground) cost(x, y []float32) float64 {
	var square, sum, product float64
	for k := range x {
		t := float64(x[k]) - float64(y[k])
		square, sum, product = square+t*t, sum+math.Abs(t), product+float64(x[k])*float64(y[k])
	}
	switch g.name {
	case "sqeuclidean":
		return square
	case "halfsqeuclidean":
		return square / 2
	case "l1":
		return sum
	case "cosine":
		return max(0, 1-product)
	case "dot":
		return -product
	}
	return math.Pow(square, g.power/2)
}

func (g ground) gradient(dst []float64, p float64, x, y []float32) {
	var square float64
	for k := range x {
		t := float64(x[k]) - float64(y[k])
		square += t * t
	}
	for k := range x {
		t := float64(x[k]) - float64(y[k])
		switch g.name {
		case "sqeuclidean":
			dst[k] += 2 * p * t
		case "halfsqeuclidean":
			dst[k] += p * t
		case "l1":
			if t != 0 {
				dst[k] += math.Copysign(p, t)
			}
		case "cosine", "dot":
			dst[k] -= p * float64(y[k])
		default:
			if square > 0 {
				dst[k] += p * g.power * math.Pow(square, g.power/2-1) * t
			}
		}
	}
}
