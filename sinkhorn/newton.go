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
//
// Where a side may leave its weights (see reach), g is the soft minimum after its reach, r_i the derivative of the dual, and
//
//	H = diag(P 1 + e) - P diag(k / P^T 1) P^T
//
//	KL of the rows       e_i = eps/rho a_i e^(-f_i/rho)
//	KL of the columns    k_j = rho/(rho+eps)
//	TV, Part             e_i infinite and k_j = 0 for a point at an end of its range, which does not move
type newtonState struct {
	*laplacian // of the plan: w is P, rows P 1, cols P^T 1
	ss         *session
	fl         *flow[float64]
	sums       []float64 // columns of the exponentials
	scale      []float64 // from them to those of the plan
	r          []float64 // a - P 1, or what takes its place
	dual       float64   // h(f)
	err        float64   // sum |r|, of points that can move
}

const (
	maxHalvings   = 30   // of a step's length
	enoughSlope   = 1e-4 // the share of the promised ascent that a step must bring
	sweepsBetween = 2    // after a step that had to be shortened
	maxIdle       = 30   // steps without halving the error
)

func newNewton(ss *session, fl *flow[float64]) *newtonState {
	nt := &newtonState{laplacian: newLaplacian(ss.ctx, ss.run, fl.n, fl.m), ss: ss, fl: fl}
	nt.sums, nt.scale, nt.r = make([]float64, fl.m), make([]float64, fl.m), make([]float64, fl.n)
	if fl.p.relaxed() {
		nt.definite, nt.extra, nt.follow = true, make([]float64, fl.n), make([]float64, fl.m)
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
			if nt.ctx.Err() != nil {
				return stopped
			}
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

// weigh sets the plan at the potentials of the flow, G being the best for F, and what follows from it.
func (nt *newtonState) weigh() {
	fl := nt.fl
	nt.exponentials()
	if bad := nt.columns(); bad > 0 {
		fl.exactColumns()
		nt.exponentials()
		nt.columns()
	}
	nt.overRows(func(_, i int) {
		row := nt.row(i)
		for j, b := range fl.p.b {
			if b > 0 {
				row[j] *= nt.scale[j]
			}
		}
		nt.rows[i] = kernels.Sum(row)
	})
	nt.dual, nt.err = 0, 0
	for i, a := range fl.p.a {
		if a > 0 {
			f := fl.rowPotential(i)
			nt.r[i] = fl.p.x.wanted(a, f) - nt.rows[i]
			nt.err += fl.p.x.miss(nt.rows[i], a, f)
			nt.dual += fl.p.x.dual(a, f)
		}
	}
	for j, b := range fl.p.b {
		if b > 0 {
			nt.dual += fl.p.y.dual(b, fl.columnPotential(j))
		}
	}
	if fl.p.relaxed() {
		nt.dual -= fl.eps * kernels.Sum(nt.cols)
		nt.curve()
	}
}

// columns sets G to what is best for F, and the scales and sums of the plan's columns; bad counts sums that say nothing.
func (nt *newtonState) columns() (bad int) {
	fl := nt.fl
	for j, b := range fl.p.b {
		s := nt.sums[j]
		nt.scale[j], nt.cols[j] = 1, s
		switch {
		case b == 0:
		case !(s > 0x1p-900 && s < 0x1p900):
			bad++
		case fl.p.y.Penalty == Exact:
			fl.setColumn(j, fl.g[j]-math.Log2(s/b))
			nt.scale[j], nt.cols[j] = b/s, b
		default:
			before := fl.g[j]
			fl.setSoftMin(j, before-math.Log2(s/b))
			nt.scale[j] = math.Exp2(fl.g[j] - before)
			nt.cols[j] = s * nt.scale[j]
		}
	}
	return bad
}

// freedom is the share of its diagonal by which a matrix of total variation is raised: while no point is at an end of its range, nothing
// but the mass holds the constants.
const freedom = 1e-8

// curve sets what the reaches put into the matrix.
func (nt *newtonState) curve() {
	fl := nt.fl
	for i, a := range fl.p.a {
		f := fl.rowPotential(i)
		switch {
		case a == 0:
			nt.extra[i] = 0
		case fl.p.x.Penalty == KL:
			nt.extra[i] = fl.eps / fl.p.x.Rho * fl.p.x.wanted(a, f)
		case fl.p.x.held(f, nt.r[i]):
			nt.extra[i] = math.Inf(1)
		default:
			nt.extra[i] = freedom * nt.rows[i]
		}
	}
	for j, c := range nt.cols {
		nt.follow[j] = 0
		if c > 0 && fl.p.b[j] > 0 {
			nt.follow[j] = fl.p.y.following(fl.columnPotential(j), fl.eps) / c
		}
	}
}

// exponentials sets the plan to a_i 2^(F_i + G_j - kappa C_ij) and sums to its column sums.
func (nt *newtonState) exponentials() {
	fl := nt.fl
	for _, part := range nt.part {
		clear(part)
	}
	parallel.For(nt.run, nt.chunks, func(k int) {
		s := fl.scratch.Get()
		defer fl.scratch.Put(s)
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
	if nt.ctx.Err() != nil {
		return false // part of a direction
	}
	slope := kernels.Dot(nt.r, x)
	before, beforeG, dual, err := append([]float64(nil), fl.f...), append([]float64(nil), fl.g...), nt.dual, nt.err
	length, most := 1., kernels.Sum(fl.p.a)+kernels.Sum(fl.p.b)
	for range maxHalvings {
		for i, v := range before {
			fl.f[i] = v + length*fl.kappa*x[i]
			if fl.p.x.bounded() {
				fl.f[i] += fl.kappa * fl.p.x.beyond(fl.rowPotential(i))
			}
			fl.ft[i] = fl.f[i]
		}
		nt.weigh()
		seen := length*slope > 1e-12*(math.Abs(dual)+fl.eps) // above the rounding of the dual
		if nt.err <= .5*err || seen && nt.dual >= dual+enoughSlope*length*slope && nt.err <= most || !seen && nt.err < err {
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
