package sinkhorn

import (
	"math"

	"github.com/sinkcpu/sinkcpu/internal/parallel"
	"github.com/sinkcpu/sinkcpu/kernels"
)

// Newton's method works on the semi-dual: with g the soft minimum of f, the columns of the plan P are exact, and
//
//	h(f)      = <a,f> + <b,g(f)>                    concave
//	dh/df_i   = a_i - (P 1)_i = r_i
//	-eps h''  = diag(P 1) - P diag(1/b) P^T         positive semidefinite, 0 on constants
//
// A step solves (-eps h”) d = eps r by conjugate gradients preconditioned by diag(P 1), in which the eigenvalues are 1 - sigma_k^2 for
// the singular values sigma_k of diag(P 1)^-1/2 P diag(b)^-1/2: alternation contracts by the largest sigma_k^2 below 1, and where it
// crawls because of a few of them, conjugate gradients take a few products more.
type newtonState struct {
	ss   *session
	fl   *flow[float64]
	plan []float64 // P, n x m
	rows []float64 // P 1
	r    []float64 // a - P 1
	dual float64   // h(f)
	err  float64   // sum |r|

	x, z, d, q, res []float64 // of conjugate gradients
	cols            []float64
	part            [][]float64
}

const (
	maxProducts   = 1000 // of conjugate gradients in a step
	maxHalvings   = 30   // of a step's length
	enoughSlope   = 1e-4 // the share of the promised ascent that a step must bring
	sweepsBetween = 2    // after a step that had to be shortened
	maxIdle       = 30   // steps without halving the error
)

func newNewton(ss *session, fl *flow[float64]) *newtonState {
	n, m := fl.n, fl.m
	nt := &newtonState{ss: ss, fl: fl, plan: make([]float64, n*m), cols: make([]float64, m), part: make([][]float64, fl.chunks)}
	for _, v := range []*[]float64{&nt.rows, &nt.r, &nt.x, &nt.z, &nt.d, &nt.q, &nt.res} {
		*v = make([]float64, n)
	}
	for k := range nt.part {
		nt.part[k] = make([]float64, m)
	}
	return nt
}

// to iterates until the error is at most goal.
func (nt *newtonState) to(goal float64) end {
	nt.weigh()
	best, idle := math.Inf(1), 0
	for nt.err > goal {
		switch {
		case nt.ss.ctx.Err() != nil:
			return stopped
		case nt.ss.iterations >= nt.ss.maxIter:
			return exhausted
		case idle > maxIdle:
			return stalled
		}
		if !nt.step() {
			for range sweepsBetween {
				iterate(nt.ss.run, []*flow[float64]{nt.fl})
			}
			nt.weigh()
		}
		nt.ss.saw(nt.err)
		if idle++; nt.err <= .5*best {
			best, idle = nt.err, 0
		}
	}
	return reached
}

// weigh sets the plan at the potentials of the flow, G being the soft minimum of F, and what follows from it.
func (nt *newtonState) weigh() {
	nt.exponentials()
	fl := nt.fl
	bad := 0
	for j, b := range fl.p.b {
		if s := nt.cols[j]; b > 0 {
			if !(s > 0x1p-900 && s < 0x1p900) {
				bad++
				continue
			}
			fl.setColumn(j, fl.g[j]-math.Log2(s/b))
		}
	}
	if bad > 0 {
		fl.exactColumns()
		nt.exponentials()
	}
	nt.overRows(func(_, i int) {
		row := nt.row(i)
		for j, b := range fl.p.b {
			if b > 0 {
				row[j] *= b / nt.cols[j]
			}
		}
		nt.rows[i] = kernels.Sum(row)
	})
	nt.dual, nt.err = 0, 0
	for i, a := range fl.p.a {
		nt.r[i] = a - nt.rows[i]
		nt.err += math.Abs(nt.r[i])
		if a > 0 {
			nt.dual += a * fl.f[i]
		}
	}
	for j, b := range fl.p.b {
		if b > 0 {
			nt.dual += b * (fl.g[j] - fl.log2b[j])
		}
	}
	nt.dual /= fl.kappa
}

// exponentials sets the plan to a_i 2^(F_i + G_j - kappa C_ij) and cols to its column sums.
func (nt *newtonState) exponentials() {
	fl := nt.fl
	clear(nt.cols)
	parallel.For(nt.ss.run, fl.chunks, func(k int) {
		s := fl.scratch.get()
		defer fl.scratch.put(s)
		lo, hi := parallel.Chunk(fl.n, fl.chunks, k)
		clear(nt.part[k])
		s.Each(fl.p.cost, lo, hi, fl.kappa, fl.f, fl.g, func(i, j0 int, _, e []float64) {
			row := nt.row(i)[j0 : j0+len(e)]
			copy(row, e)
			kernels.Scale(row, fl.p.a[i])
			kernels.Axpy(nt.part[k][j0:j0+len(e)], 1, row)
		})
	})
	nt.addParts()
}

func (nt *newtonState) addParts() {
	clear(nt.cols)
	for _, part := range nt.part {
		kernels.Axpy(nt.cols, 1, part)
	}
}

func (nt *newtonState) row(i int) []float64 { return nt.plan[i*nt.fl.m : (i+1)*nt.fl.m] }

// overRows runs body on every row, chunk by chunk.
func (nt *newtonState) overRows(body func(k, i int)) {
	fl := nt.fl
	parallel.For(nt.ss.run, fl.chunks, func(k int) {
		lo, hi := parallel.Chunk(fl.n, fl.chunks, k)
		for i := lo; i < hi; i++ {
			body(k, i)
		}
	})
}

// step moves F along Newton's direction, and reports whether the whole step could be taken.
func (nt *newtonState) step() bool {
	fl := nt.fl
	nt.direction()
	slope := kernels.Dot(nt.r, nt.x)
	before, beforeG, dual, err := append([]float64(nil), fl.f...), append([]float64(nil), fl.g...), nt.dual, nt.err
	length := 1.
	for range maxHalvings {
		for i, v := range before {
			fl.f[i] = v + length*fl.kappa*nt.x[i]
			fl.ft[i] = fl.f[i]
		}
		nt.weigh()
		seen := length*slope > 1e-12*(math.Abs(dual)+fl.eps) // above the rounding of the dual
		if nt.err <= .5*err || seen && nt.dual >= dual+enoughSlope*length*slope && nt.err <= 2 || !seen && nt.err < err {
			return length == 1
		}
		length /= 2
	}
	copy(fl.f, before)
	copy(fl.ft, before)
	copy(fl.g, beforeG)
	copy(fl.gt, beforeG)
	nt.weigh()
	return false
}

// direction solves (diag(P 1) - P diag(1/b) P^T) x = eps r, to a residual that falls with the square root of the error.
func (nt *newtonState) direction() {
	target := min(.1, math.Sqrt(nt.err)) * 1e-2
	var rz, first float64
	clear(nt.x)
	rest := kernels.Sum(nt.r) / kernels.Sum(nt.rows) // rounding leaves a part outside the matrix's range
	for i, w := range nt.rows {
		nt.res[i] = nt.fl.eps * (nt.r[i] - rest*w)
		nt.z[i], nt.d[i] = 0, 0
		if w > 0 {
			nt.z[i] = nt.res[i] / w
			nt.d[i] = nt.z[i]
		}
		rz += nt.res[i] * nt.z[i]
	}
	first = rz
	for k := 0; k < maxProducts && rz > target*target*first; k++ {
		nt.product()
		dq := kernels.Dot(nt.d, nt.q)
		if !(dq > nt.noise()) {
			return // only rounding is left of the curvature
		}
		alpha := rz / dq
		kernels.Axpy(nt.x, alpha, nt.d)
		kernels.Axpy(nt.res, -alpha, nt.q)
		next := 0.
		for i, w := range nt.rows {
			if w > 0 {
				nt.z[i] = nt.res[i] / w
			}
			next += nt.res[i] * nt.z[i]
		}
		beta := next / rz
		rz = next
		for i, z := range nt.z {
			nt.d[i] = z + beta*nt.d[i]
		}
	}
}

// noise returns what rounding may make of <d, q>.
func (nt *newtonState) noise() float64 {
	var s float64
	for i, w := range nt.rows {
		s += w * nt.d[i] * nt.d[i]
	}
	return 1e-15 * s
}

// product sets q = diag(P 1) d - P diag(1/b) P^T d.
func (nt *newtonState) product() {
	for k := range nt.part {
		clear(nt.part[k])
	}
	nt.overRows(func(k, i int) { kernels.Axpy(nt.part[k], nt.d[i], nt.row(i)) })
	nt.addParts()
	for j, b := range nt.fl.p.b {
		if b > 0 {
			nt.cols[j] /= b
		} else {
			nt.cols[j] = 0
		}
	}
	nt.overRows(func(_, i int) { nt.q[i] = nt.rows[i]*nt.d[i] - kernels.Dot(nt.row(i), nt.cols) })
}
