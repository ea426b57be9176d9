package sinkhorn

import (
	"context"
	"fmt"

	"github.com/sinkcpu/sinkcpu/internal/parallel"
	"github.com/sinkcpu/sinkcpu/kernels"
	"github.com/sinkcpu/sinkcpu/logsumexp"
)

// A Loss is the debiased loss of a generated cloud x against data y after exactly Steps iterations, with its exact gradient:
//
//	loss = 2 W(x,y) - W(x,x) - W(y,y)         cost |x_i - y_j|^2, uniform weights
//
// where W is the sharp or the entropic value of [Values]. With sharp values it is the loss of Genevay, Peyre and Cuturi (2018, eq. 4);
// with entropic values and infinitely many steps, twice the divergence of Feydy et al. (2019, eq. 3). All terms take the same number of
// alternating steps from g = 0, so that equal clouds have loss 0 exactly.
//
// A Loss keeps its working memory from call to call, and serves one call at a time.
type Loss[T kernels.Float] struct {
	Solver Solver[T] // Eps and Runner are used
	Steps  int
	Value  Value

	unrolled Unrolled[T]
	xy, xx   lossTerm[T]
	yy       lossTerm[T]
	rows     []T
}

// lossTerm is one of the three problems, its cost and the cost's cotangent.
type lossTerm[T kernels.Float] struct {
	c, cbar []T
	problem *Problem[T]
}

// A LossValue holds the terms of a [Loss].
type LossValue struct {
	XY, XX, YY Values
	Loss       float64 // without the term of YY where it was left out
}

// Eval returns the loss of x (n x d) against y (m x d), and sets grad (n x d) to its derivative with respect to x where grad is not nil.
// The term of y alone has no gradient: without withYY it is left out, and Loss is the sum of the other two.
//
// Points should lie near the origin compared with their spread: in float32 costs above dimension 8 come from inner products.
func (l *Loss[T]) Eval(ctx context.Context, x, y []T, n, m, d int, grad []T, withYY bool) (LossValue, error) {
	var v LossValue
	if n < 1 || m < 1 || d < 1 || len(x) != n*d || len(y) != m*d || (grad != nil && len(grad) != n*d) {
		return v, fmt.Errorf("sinkhorn: %d and %d coordinates for %d and %d points of dimension %d", len(x), len(y), n, m, d)
	}
	run := l.Solver.runner()
	terms := []*lossTerm[T]{&l.xy, &l.xx, &l.yy}[:2]
	if err := l.xy.form(run, x, y, n, m, d); err != nil {
		return v, err
	}
	if err := l.xx.form(run, x, x, n, n, d); err != nil {
		return v, err
	}
	if withYY {
		terms = terms[:3]
		if err := l.yy.form(run, y, y, m, m, d); err != nil {
			return v, err
		}
	}
	problems := make([]*Problem[T], len(terms))
	for k, t := range terms {
		problems[k] = t.problem
	}
	if err := l.Solver.Unroll(ctx, &l.unrolled, l.Steps, problems...); err != nil {
		return v, err
	}
	v.XY, v.XX = l.unrolled.Values(0), l.unrolled.Values(1)
	v.Loss = 2*v.XY.of(l.Value) - v.XX.of(l.Value)
	if withYY {
		v.YY = l.unrolled.Values(2)
		v.Loss -= v.YY.of(l.Value)
	}
	if grad == nil {
		return v, nil
	}
	cotangents := make([]*Derivative[T], len(terms)) // nothing flows into the term of y alone
	cotangents[0], cotangents[1] = &Derivative[T]{C: l.xy.cotangent()}, &Derivative[T]{C: l.xx.cotangent()}
	if err := l.unrolled.Backward(l.Value, cotangents...); err != nil {
		return v, err
	}
	l.pull(run, x, y, n, m, d, grad)
	return v, nil
}

func (v Values) of(value Value) float64 {
	if value == Sharp {
		return v.Sharp
	}
	return v.Entropic
}

// form sets the cost of the term and its problem.
func (t *lossTerm[T]) form(run kernels.Runner, x, y []T, n, m, d int) (err error) {
	if len(t.c) != n*m || t.problem == nil || t.problem.n != n {
		t.c, t.cbar = make([]T, n*m), nil
		// The matrix is filled below and at every later call; its entries are differences of finite points.
		if t.problem, err = NewProblem(logsumexp.NewStored(t.c, n, m, m), nil, nil); err != nil {
			return err
		}
	}
	logsumexp.SquaredDistances(run, t.c, m, x, y, n, m, d, 1)
	if &x[0] == &y[0] {
		for i := range n {
			t.c[i*m+i] = 0
		}
	}
	return nil
}

func (t *lossTerm[T]) cotangent() []T {
	if t.cbar == nil {
		t.cbar = make([]T, len(t.c))
	}
	return t.cbar
}

// pull takes the cotangents of the costs to the points.
//
//	forward: C_ij = |x_i - y_j|^2           dx_i += 2 sum_j Cbar_ij (x_i - y_j)
//	forward: X_ij = |x_i - x_j|^2           dx_i += 2 sum_j (Xbar_ij + Xbar_ji) (x_i - x_j)
//	forward: loss = 2 W_xy - W_xx           the factors 2 and -1
//
// Sums over j of M_ij (x_i - y_j) are taken as (M 1)_i x_i - (M y)_i.
func (l *Loss[T]) pull(run kernels.Runner, x, y []T, n, m, d int, grad []T) {
	if len(l.rows) != n {
		l.rows = make([]T, n)
	}
	c, s := l.xy.cbar, l.xx.cbar
	count := parallel.Chunks(n, 1+chunkEntries/(n+m), maxChunks)
	addTranspose(run, s, n) // both slots of the self term
	parallel.For(run, count, func(k int) {
		lo, hi := parallel.Chunk(n, count, k)
		for i := lo; i < hi; i++ {
			l.rows[i] = 4*kernels.Sum(c[i*m:(i+1)*m]) - 2*kernels.Sum(s[i*n:(i+1)*n])
			gi, xi := grad[i*d:(i+1)*d], x[i*d:(i+1)*d]
			for k, v := range xi {
				gi[k] = l.rows[i] * v
			}
		}
	})
	kernels.Gemm(run, false, false, n, d, m, -4, c, m, y, d, 1, grad, d)
	kernels.Gemm(run, false, false, n, d, n, 2, s, n, x, d, 1, grad, d)
}

// addTranspose adds to the n x n matrix s its transpose, and clears the diagonal, which multiplies x_i - x_i.
func addTranspose[T kernels.Float](run kernels.Runner, s []T, n int) {
	const tile = 32 // two tiles of float32 are 8 KiB
	tiles := (n + tile - 1) / tile
	parallel.For(run, tiles, func(ti int) {
		for tj := range ti + 1 {
			for i := ti * tile; i < min(n, (ti+1)*tile); i++ {
				for j := tj * tile; j < min(i, (tj+1)*tile); j++ {
					v := s[i*n+j] + s[j*n+i]
					s[i*n+j], s[j*n+i] = v, v
				}
				if ti == tj {
					s[i*n+i] = 0
				}
			}
		}
	})
}
