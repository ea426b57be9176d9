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
//	H         = diag(P 1) - P diag(1/b) P^T         minus eps times the second derivative; 0 on constants
//
// A step solves H d = eps r by conjugate gradients preconditioned by diag(P 1), in which the eigenvalues are 1 - sigma_k^2 for
// the singular values sigma_k of diag(P 1)^-1/2 P diag(b)^-1/2: alternation contracts by the largest sigma_k^2 below 1, and where it
// crawls because of a few of them, conjugate gradients take a few products more.
type newtonState struct {
	*laplacian // of the plan: w is P, rows P 1, cols b
	ss         *session
	fl         *flow[float64]
	sums       []float64 // columns of the exponentials
	r          []float64 // a - P 1
	dual       float64   // h(f)
	err        float64   // sum |r|
}

const (
	maxHalvings   = 30   // of a step's length
	enoughSlope   = 1e-4 // the share of the promised ascent that a step must bring
	sweepsBetween = 2    // after a step that had to be shortened
	maxIdle       = 30   // steps without halving the error
)

func newNewton(ss *session, fl *flow[float64]) *newtonState {
	nt := &newtonState{laplacian: newLaplacian(ss.run, fl.n, fl.m), ss: ss, fl: fl, sums: make([]float64, fl.m), r: make([]float64, fl.n)}
	copy(nt.cols, fl.p.b)
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
				iterate(nt.run, []*flow[float64]{nt.fl})
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
		if s := nt.sums[j]; b > 0 {
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
				row[j] *= b / nt.sums[j]
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

// exponentials sets the plan to a_i 2^(F_i + G_j - kappa C_ij) and sums to its column sums.
func (nt *newtonState) exponentials() {
	fl := nt.fl
	for _, part := range nt.part {
		clear(part)
	}
	parallel.For(nt.run, nt.chunks, func(k int) {
		s := fl.scratch.get()
		defer fl.scratch.put(s)
		lo, hi := parallel.Chunk(fl.n, nt.chunks, k)
		s.Each(fl.p.cost, lo, hi, fl.kappa, fl.f, fl.g, func(i, j0 int, _, e []float64) {
			row := nt.row(i)[j0 : j0+len(e)]
			copy(row, e)
			kernels.Scale(row, fl.p.a[i])
			kernels.Axpy(nt.part[k][j0:j0+len(e)], 1, row)
		})
	})
	clear(nt.sums)
	for _, part := range nt.part {
		kernels.Axpy(nt.sums, 1, part)
	}
}

// step moves F along Newton's direction, and reports whether the whole step could be taken.
func (nt *newtonState) step() bool {
	fl := nt.fl
	x := nt.solve(fl.eps, nt.r, min(.1, math.Sqrt(nt.err))*1e-2)
	slope := kernels.Dot(nt.r, x)
	before, beforeG, dual, err := append([]float64(nil), fl.f...), append([]float64(nil), fl.g...), nt.dual, nt.err
	length := 1.
	for range maxHalvings {
		for i, v := range before {
			fl.f[i] = v + length*fl.kappa*x[i]
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
