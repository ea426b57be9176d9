package sinkhorn

import (
	"fmt"

	"github.com/sinkcpu/sinkcpu/internal/parallel"
	"github.com/sinkcpu/sinkcpu/kernels"
)

// A Value names which value of a plan is differentiated.
type Value int

// The values; see [Values] for the formulas.
const (
	Sharp Value = iota
	Entropic
)

// Backward sets cbar[k] to the derivative of a value of problem k with respect to its cost, through all iterations:
//
//	cbar[k][i*m+j] = d value_k / d C_ij
//
// Problems with cbar[k] nil are passed over. cbar[k] holds n x m numbers. The derivative is exact: it is that of the L iterations, not of
// their limit. In float32 its error is about 1e-3 of the largest entry at eps = a tenth of the mean cost, and 1e-2 at a thousandth.
//
// Source: reverse differentiation of the iterations, with one exponential an entry and step; derived in the comments of
// [logsumexp.Scratch.Adjoint].
func (u *Unrolled[T]) Backward(value Value, cbar ...[]T) error {
	if len(cbar) != len(u.flows) {
		return fmt.Errorf("sinkhorn: %d derivatives for %d problems", len(cbar), len(u.flows))
	}
	b := backward[T]{u: u, value: value, cbar: cbar}
	for k, fl := range u.flows {
		if cbar[k] == nil {
			continue
		}
		if len(cbar[k]) < fl.n*fl.m {
			return fmt.Errorf("sinkhorn: derivative %d holds %d numbers, want %d x %d", k, len(cbar[k]), fl.n, fl.m)
		}
		b.active = append(b.active, k)
		b.tasks += fl.chunks
	}
	b.each(b.seed)
	b.columns(b.seedColumns)
	for l := u.steps; l >= 1; l-- {
		b.l = l
		b.each(b.step)
		b.columns(b.stepColumns)
	}
	return nil
}

// backward is a reverse pass in progress, at step l.
type backward[T kernels.Float] struct {
	u      *Unrolled[T]
	value  Value
	cbar   [][]T
	active []int
	tasks  int
	l      int
}

// each runs body on every chunk of every problem that is differentiated.
func (b *backward[T]) each(body func(fl *flow[T], t *tape[T], cbar []T, k int)) {
	parallel.For(b.u.run, b.tasks, func(i int) {
		for _, k := range b.active {
			fl := b.u.flows[k]
			if i < fl.chunks {
				body(fl, &b.u.tapes[k], b.cbar[k], i)
				return
			}
			i -= fl.chunks
		}
	})
}

func (b *backward[T]) columns(body func(fl *flow[T], t *tape[T])) {
	for _, k := range b.active {
		body(b.u.flows[k], &b.u.tapes[k])
	}
}

// seed starts from the value of the last plan.
//
//	forward: W = sum P C, P = a b exp((f + g - C)/eps)       cbar = P (1 - C/eps);  fbar_i = sum_j P_ij C_ij / eps
//	forward: E = <a,f> + <b,g> - eps (sum P - 1)             cbar = P;              fbar_i = a_i - sum_j P_ij
func (b *backward[T]) seed(fl *flow[T], t *tape[T], cbar []T, k int) {
	s := b.u.scratch.get()
	defer b.u.scratch.put(s)
	lo, hi := parallel.Chunk(fl.n, fl.chunks, k)
	clear(t.part[k])
	t.weights(fl, b.u.steps-1, lo, hi)
	invEps := 0.
	if b.value == Sharp {
		invEps = 1 / fl.eps
	}
	s.Value(fl.p.cost, lo, hi, T(fl.kappa), fl.ft, fl.gt, t.at, t.p, t.sum, nil, t.part[k], cbar, T(invEps))
	for i := lo; i < hi; i++ {
		a, at := fl.p.a[i], float64(t.at[i])
		if b.value == Sharp {
			t.fbar[i] = T(at * t.p[i] / fl.eps)
		} else {
			t.fbar[i] = T(a - at*t.sum[i])
		}
	}
}

// seedColumns sets q_j = gbar_j / b_j.
//
//	forward: W = sum P C                                      gbar_j = sum_i P_ij C_ij / eps
//	forward: E, whose plan has the columns b                  gbar_j = 0
func (b *backward[T]) seedColumns(fl *flow[T], t *tape[T]) {
	for j, w := range fl.p.b {
		t.q[j] = 0
		if b.value == Sharp && w > 0 {
			t.q[j] = T(t.columnSum(j)/(fl.eps*w)) * t.beta[b.u.steps-1][j]
		}
	}
}

// step undoes iteration l on a chunk of rows.
func (b *backward[T]) step(fl *flow[T], t *tape[T], cbar []T, k int) {
	s := b.u.scratch.get()
	defer b.u.scratch.put(s)
	lo, hi := parallel.Chunk(fl.n, fl.chunks, k)
	h, l := t.part[k], b.l
	clear(h)
	t.weights(fl, l-1, lo, hi)
	if t.apart[l-1] {
		s.AdjointApart(fl.p.cost, lo, hi, T(fl.kappa), t.f[l-1], t.g[l], t.g[l-1], t.q, t.at, t.alpha[l-1], t.fbar, h, cbar)
	} else {
		s.Adjoint(fl.p.cost, lo, hi, T(fl.kappa), t.f[l-1], t.g[l], t.q, t.ratio[l-1], t.at, t.alpha[l-1], t.fbar, h, cbar)
	}
	clear(t.fbar[lo:hi]) // f_l has no use before step l
}

// stepColumns sets q to the cotangent of g_{l-1}, over b:
//
//	gbar_j = -ratio_j h_j
func (b *backward[T]) stepColumns(fl *flow[T], t *tape[T]) {
	ratio, apart := t.ratio[b.l-1], t.apart[b.l-1]
	for j, w := range fl.p.b {
		if w == 0 {
			t.q[j] = 0
			continue
		}
		gbar := -t.columnSum(j)
		if !apart {
			gbar *= float64(ratio[j])
		}
		t.q[j] = T(gbar / w)
		if b.l > 1 {
			t.q[j] *= t.beta[b.l-2][j]
		}
	}
}

func (t *tape[T]) columnSum(j int) float64 {
	var s float64
	for _, part := range t.part {
		s += float64(part[j])
	}
	return s
}
