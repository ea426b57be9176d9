package sinkhorn

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/sinkcpu/sinkcpu/kernels"
	"github.com/sinkcpu/sinkcpu/logsumexp"
)

// Entropy returns the entropy of the plan scaled to mass 1, in nats:
//
//	-sum_ij p_ij log p_ij          p = P / sum P
//
// In a balanced problem it lies between max(H(a), H(b)), which an assignment has, and H(a) + H(b), that of a b^T. It is 0 for a plan without
// mass. It takes one pass over the cost.
func (r *Result[T]) Entropy() float64 {
	s := r.spread()
	var mass, sum float64 // of P and of P log P
	for i, a := range r.p.a {
		if a > 0 {
			mass += a * s.rows[i].mass
			sum += a * (s.rows[i].logs + s.rows[i].mass*math.Log(a))
		}
	}
	total := []float64{mass, sum}
	r.p.join(total)
	if mass, sum = total[0], total[1]; mass == 0 {
		return 0
	}
	return math.Log(mass) - sum/mass
}

// Partners returns the effective number of partners of each row and of each column, the exponential of the entropy of its part of the plan:
//
//	exp(-sum_j q_j log q_j)          q_j = P_ij / sum_j P_ij
//
// It is 1 where all mass goes to one partner, m for a row that is spread evenly over all columns, and 0 for a point without mass. It takes one
// pass over the cost.
func (r *Result[T]) Partners() (rows, columns []float64) {
	s := r.spread()
	rows, columns = make([]float64, r.p.n), make([]float64, r.p.m)
	for i, q := range s.rows {
		if r.p.a[i] > 0 {
			rows[i] = q.perplexity()
		}
	}
	for j, q := range s.columns {
		if r.p.b[j] > 0 {
			columns[j] = q.perplexity()
		}
	}
	return rows, columns
}

// A spreadOf holds sums of w and of w log w over the entries w of a row or column.
type spreadOf struct{ mass, logs float64 }

// perplexity returns the exponential of the entropy of w over its sum.
func (q spreadOf) perplexity() float64 {
	if !(q.mass > 0) {
		return 0
	}
	return q.mass * math.Exp(-q.logs/q.mass)
}

type spreads struct {
	rows    []spreadOf // of e = P_ij/a_i
	columns []spreadOf // of P_ij, over the rows of all ranks
}

// spread passes over the plan once. Logarithms are the exponents, and none is taken of an entry.
func (r *Result[T]) spread() *spreads {
	n, m := r.p.n, r.p.m
	s, sums := &spreads{make([]spreadOf, n), make([]spreadOf, m)}, make([]float64, 2*m)
	kappa, f, g := r.base()
	r.overRows(func(scratch *logsumexp.Scratch[float64], c logsumexp.Cost[float64], lo, hi int, acc []float64) {
		scratch.Each(c, lo, hi, kappa, f, g, func(i, j0 int, c, e []float64) {
			a, row := r.p.a[i], &s.rows[i]
			logA := math.Log(a)
			for k, v := range e {
				if v == 0 {
					continue
				}
				log := (f[i] + g[j0+k] - kappa*c[k]) * math.Ln2
				row.mass += v
				row.logs += v * log
				if a > 0 {
					acc[2*(j0+k)] += a * v
					acc[2*(j0+k)+1] += a * v * (log + logA)
				}
			}
		})
	}, 2*m, func(acc []float64) { kernels.Axpy(sums, 1, acc) })
	r.p.join(sums)
	for j := range s.columns {
		s.columns[j] = spreadOf{sums[2*j], sums[2*j+1]}
	}
	return s
}

// entropyShare is the accuracy of an entropy that is solved for, in nats, and maxTemperatures how many temperatures are tried.
const (
	entropyShare    = 1e-6
	maxTemperatures = 60
)

// SolveEntropy solves a balanced problem at the temperature at which the plan has the entropy h, in nats, to 1e-6 or as near as the marginal
// errors let it come; see [Result.Entropy], which grows with eps. Eps is where the search begins, 0 for a tenth of the cost's range. Each temperature starts from the
// potentials of the last one. The temperature is in the result.
//
// It is an error when h is not between the entropy of the largest side and that of a b^T.
func (s *Solver[T]) SolveEntropy(ctx context.Context, p *Problem[T], h float64) (*Result[T], error) {
	if err := p.whole("a temperature by the entropy of the plan"); err != nil {
		return nil, err
	}
	if p.relaxed() {
		return nil, errors.New("sinkhorn: an entropy of the plan is for balanced problems, whose plan has mass 1")
	}
	ha, hb := entropyOf(p.a), entropyOf(p.b)
	if !(h > max(ha, hb) && h < ha+hb) {
		return nil, fmt.Errorf("sinkhorn: an entropy of %g nats for the plan: these weights allow more than %.6g and less than %.6g", h, max(ha, hb), ha+hb)
	}
	own := *s
	begin := s.Eps
	if !(begin > 0) {
		begin = (p.hi - p.lo) / 10
	}
	if !(begin > 0) {
		return nil, fmt.Errorf("sinkhorn: all costs are %g, and the plan is a b^T with %.6g nats at every eps", p.lo, ha+hb)
	}
	var last *Result[T]
	steps := 0
	err := root(func(logEps float64) (float64, error) {
		own.Eps = math.Exp(logEps)
		r, err := own.Solve(ctx, p)
		if r == nil {
			return 0, err
		}
		last, own.G = r, r.G
		steps += r.Iterations + r.Warmup
		return r.Entropy() - h, err
	}, math.Log(begin), math.Ln2, func(v float64) bool { return math.Abs(v) <= entropyShare }, maxTemperatures)
	if last != nil {
		last.Warmup = steps - last.Iterations
	}
	if err == nil && !(math.Abs(last.Entropy()-h) <= 1e-3) {
		err = fmt.Errorf("%w: entropy %.6g at eps %.3g, wanted %.6g", ErrNotConverged, last.Entropy(), last.eps, h)
	}
	return last, err
}

// entropyOf returns -<w, log w>.
func entropyOf(w []float64) (h float64) {
	for _, v := range w {
		if v > 0 {
			h -= v * math.Log(v)
		}
	}
	return h
}
