package sinkhorn

import (
	"errors"
	"math"

	"github.com/sinkcpu/sinkcpu/logsumexp"
)

// errHere says that the processor made the iterations.
var errHere = errors.New("sinkhorn: no device made the iterations")

// onFar puts the potentials of the result on the device that made its iterations, and runs do there. After an error the caller computes here.
func (r *Result[T]) onFar(do func(at *remote) error) error {
	p, ok := any(r.p).(*Problem[float32])
	if !ok || r.device == nil {
		return errHere
	}
	at, err := newRemote(r.device, p, r.eps)
	if err != nil {
		return err
	}
	defer at.device.Close()
	fl := at.host
	fl.eps = r.eps
	fl.kappa, fl.f, fl.g = r.base()
	at.push(fl.f)
	if at.failed == nil {
		at.did(do(at))
	}
	return at.failed
}

// weighFar sets the sums of the plan, and what each row costs, on the device. It reports whether that went well.
func (r *Result[T]) weighFar(fx *facts, costs []float64) bool {
	r.Evaluated, r.farError = "", 0
	if !r.far {
		return false
	}
	err := r.onFar(func(at *remote) error {
		n, m := len(at.f), len(at.g)
		rows, columns, own := make([]float64, n), make([]float64, m), make([]float64, n)
		if err := at.device.Weigh(rows, columns, own); err != nil {
			return err
		}
		if !finite(rows) || !finite(columns) || !finite(own) {
			return errNotFinite
		}
		scatter(fx.rows, rows, at.rows)
		scatter(fx.cols, columns, at.columns)
		scatter(costs, own, at.rows)
		r.farError = at.exponentError()
		return nil
	})
	if err != nil {
		r.far, r.DeviceFault = false, err
		return false
	}
	r.Evaluated = r.device.Name()
	return true
}

// exponentError bounds the relative error of an entry of the plan, or of a sum of some, as the device computes it. Rounded are the products of
// coordinates, or entries, times kappa; both potentials; and their sum; each by some units. A sum is good to 2^-20.
func (at *remote) exponentError() float64 {
	fl, p := at.host, at.host.p
	size := max(math.Abs(p.lo), math.Abs(p.hi))
	if c, ok := p.cost.(*logsumexp.Points[float32]); ok {
		x, y, d := c.Coordinates()
		size += largestSquare(x, d) + largestSquare(y, d)
	}
	size *= fl.kappa
	bits := 4*max(0x1p-24, at.device.Unit())*size + 0x1p-22*(greatest(subset(fl.f, at.rows, 1))+greatest(subset(fl.g, at.columns, 1)))
	return math.Expm1(math.Ln2*bits) + 0x1p-20
}

// farAllowance widens the bounds of a plan that a device summed with a relative error of delta. The value is the dual objective, in which only the
// mass of the plan is such a sum: eps delta times it. The objective of the rounded plan is linear in them, with potentials, costs and logarithms of at
// most log 1/delta as factors.
func (r *Result[T]) farAllowance() (below, above float64) {
	if r.Evaluated == "" {
		return 0, 0
	}
	delta, mass := r.farError, r.weighed.mass
	logarithm := -math.Log(min(delta, .5))
	below = r.eps * delta * mass
	largest := max(math.Abs(r.p.lo), math.Abs(r.p.hi)) + greatest(r.p.u) + greatest(r.p.v)
	above = largest * mass
	for i, a := range r.p.a {
		if a > 0 {
			above += r.weighed.rows[i] * math.Abs(r.F[i])
		}
	}
	for j, b := range r.p.b {
		if b > 0 {
			above += r.weighed.cols[j] * math.Abs(r.G[j])
		}
	}
	for _, side := range []Reach{r.p.x, r.p.y} {
		if side.Penalty != Exact {
			above += side.Rho * mass * logarithm
		}
	}
	return below, delta * (above + 4*r.eps*mass*logarithm)
}

// roundedRowsFar sets p to the row sums of diag(x) P diag(y) by the device, and costs to what bounds C q for any q of sum free.
func (r *Result[T]) roundedRowsFar(x, y, p, costs []float64, free float64) bool {
	if !r.far || !r.applyFar(p, y, 1, false) {
		return false
	}
	for i := range p {
		p[i] *= x[i]
		costs[i] = r.p.hi * free
	}
	return true
}

// applyFar sets dst (n x d) to the product of the plan, or dst (m x d) to that of its transpose, with v, on the device.
func (r *Result[T]) applyFar(dst, v []float64, d int, transposed bool) bool {
	return nil == r.onFar(func(at *remote) error {
		from, to, count := at.columns, at.rows, len(at.f)
		if transposed {
			from, to, count = at.rows, at.columns, len(at.g)
		}
		v = subset(v, from, d)
		narrow, out := make([]float32, len(v)), make([]float32, count*d)
		for k, x := range v {
			narrow[k] = float32(x)
		}
		if err := at.device.Apply(out, narrow, d, transposed); err != nil {
			return err
		}
		wide, err := widened(out)
		if err != nil {
			return err
		}
		clear(dst)
		for k := range count {
			i := k
			if to != nil {
				i = to[k]
			}
			copy(dst[i*d:(i+1)*d], wide[k*d:(k+1)*d])
		}
		return nil
	})
}

// gradientFar adds the gradient to dx on the device, where points are those of the cost.
func (r *Result[T]) gradientFar(dx []float64, points Pull) bool {
	own, ok := points.(*logsumexp.Points[float32])
	if !ok || any(own) != any(r.p.cost) || r.device == nil {
		return false
	}
	rows := r.pass().rows
	return nil == r.onFar(func(at *remote) error {
		_, _, d := own.Coordinates()
		out := make([]float32, len(at.f)*d)
		if err := at.device.Gradient(out); err != nil {
			return err
		}
		if _, err := widened(out); err != nil {
			return err
		}
		if at.rows != nil {
			all := make([]float32, len(dx))
			for k, i := range at.rows {
				copy(all[i*d:(i+1)*d], out[k*d:(k+1)*d])
			}
			out = all
		}
		own.AddCoordinates(dx, out, rows)
		return nil
	})
}

// widened returns x in float64, and an error where it is not finite.
func widened(x []float32) ([]float64, error) {
	wide := make([]float64, len(x))
	for k, v := range x {
		wide[k] = float64(v)
	}
	if !finite(wide) {
		return nil, errNotFinite
	}
	return wide, nil
}

// finite reports whether no number is NaN or infinite.
func finite(x []float64) bool {
	for _, v := range x {
		if math.IsNaN(v - v) {
			return false
		}
	}
	return true
}

// greatest returns the largest magnitude of x.
func greatest(x []float64) (most float64) {
	for _, v := range x {
		most = max(most, math.Abs(v))
	}
	return most
}

// largestSquare returns the largest squared length of the rows of x.
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
