package sinkhorn

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/sinkcpu/sinkcpu/internal/parallel"
	"github.com/sinkcpu/sinkcpu/kernels"
)

// An Unrolled is the record of exactly L alternating iterations on a set of problems,
//
//	f_l = -eps log sum_j b_j exp((g_{l-1,j} - C_ij)/eps)        g_0 = 0
//	g_l = -eps log sum_i a_i exp((f_{l,i} - C_ij)/eps)          l = 1..L
//
// with what their derivative needs: f_l, g_l and the ratios exp((g_{l-1} - g_l)/eps), (n + 2m) L numbers. The zero value is ready; an
// Unrolled that is used again for problems of the same sizes allocates nothing of their size.
type Unrolled[T kernels.Float] struct {
	eps     float64
	steps   int
	run     kernels.Runner
	flows   []*flow[T]
	tapes   []tape[T]
	scratch scratchList[T]
}

// tape is the record of one problem: index l-1 is step l, and g[l] is G after step l in base-2 units. The kernels see F and G rounded to T;
// alpha = 2^(F - rounded F) and beta = 2^(G - rounded G) give back what was lost, as factors of an exponential's row and column.
type tape[T kernels.Float] struct {
	f, g, ratio [][]T
	alpha, beta [][]T
	apart       []bool // ratios of the step leave float32
	at          []T    // a alpha, rounded
	fbar, q     []T    // cotangent of f, and of g over b times beta
	part        [][]T  // sums of columns, a chunk each
	p, sum      []float64
	value       Values
}

// A ratio outside [minRatio, maxRatio] is not representable beside its exponential.
const (
	minRatio = 0x1p-30
	maxRatio = 0x1p30
)

// Values are the values of the plan P after L iterations. Its columns sum to b exactly, its rows to a only in the limit.
type Values struct {
	Sharp         float64 // <P,C>
	Entropic      float64 // the dual <a,f> + <b,g> - eps (sum P - 1)
	MarginalError float64 // sum_i |(P 1)_i - a_i|
}

// Unroll runs exactly steps iterations on each problem, all problems at once, and records them in u. Problems whose cost is given up to
// terms taken out are refused: form the cost without.
func (s *Solver[T]) Unroll(ctx context.Context, u *Unrolled[T], steps int, problems ...*Problem[T]) error {
	if !(s.Eps > 0) || math.IsInf(s.Eps, 1) || steps < 1 {
		return fmt.Errorf("sinkhorn: eps %g and %d steps, want both positive", s.Eps, steps)
	}
	u.eps, u.steps, u.run = s.Eps, steps, s.runner()
	if err := u.resize(problems); err != nil {
		return err
	}
	for l := range steps {
		if err := ctx.Err(); err != nil {
			return err
		}
		iterate(u.run, u.flows)
		for k, fl := range u.flows {
			u.tapes[k].record(l, fl)
		}
	}
	u.weigh()
	return nil
}

func (u *Unrolled[T]) resize(problems []*Problem[T]) error {
	for len(u.flows) < len(problems) {
		u.flows, u.tapes = append(u.flows, nil), append(u.tapes, tape[T]{})
	}
	u.flows, u.tapes = u.flows[:len(problems)], u.tapes[:len(problems)]
	for k, p := range problems {
		if p.u != nil || p.v != nil {
			return errors.New("sinkhorn: a cost given up to terms of rows and columns cannot be unrolled")
		}
		if p.relaxed() {
			return errors.New("sinkhorn: unbalanced problems cannot be unrolled")
		}
		fl := u.flows[k]
		if fl == nil || fl.n != p.n || fl.m != p.m {
			fl = newFlow(p, &u.scratch)
			u.flows[k] = fl
		}
		fl.p = p
		for j, b := range p.b {
			fl.log2b[j] = math.Log2(b)
		}
		fl.start(u.eps, nil)
		u.tapes[k].resize(fl, u.steps)
	}
	return nil
}

func (t *tape[T]) resize(fl *flow[T], steps int) {
	rows := func(x [][]T, count, size int) [][]T {
		for len(x) < count {
			x = append(x, nil)
		}
		for i := range count {
			if len(x[i]) != size {
				x[i] = make([]T, size)
			}
		}
		return x
	}
	t.f, t.g, t.ratio = rows(t.f, steps, fl.n), rows(t.g, steps+1, fl.m), rows(t.ratio, steps, fl.m)
	t.alpha, t.beta = rows(t.alpha, steps, fl.n), rows(t.beta, steps, fl.m)
	t.part = rows(t.part, fl.chunks, fl.m)
	if len(t.at) != fl.n || len(t.q) != fl.m {
		t.at, t.fbar, t.q = make([]T, fl.n), make([]T, fl.n), make([]T, fl.m)
		t.p, t.sum = make([]float64, fl.n), make([]float64, fl.n)
	}
	if len(t.apart) < steps {
		t.apart = make([]bool, steps)
	}
	copy(t.g[0], fl.gt)
}

func (t *tape[T]) record(l int, fl *flow[T]) {
	copy(t.f[l], fl.ft)
	copy(t.g[l+1], fl.gt)
	t.apart[l] = false
	for i, f := range fl.f {
		t.alpha[l][i] = T(exp2Small(f - float64(fl.ft[i])))
	}
	for j, b := range fl.p.b {
		t.ratio[l][j], t.beta[l][j] = 0, 1
		if b == 0 {
			continue
		}
		beta := exp2Small(fl.g[j] - float64(fl.gt[j]))
		r := fl.acc[j] / b * beta
		t.ratio[l][j], t.beta[l][j] = T(r), T(beta)
		if !(r >= minRatio && r <= maxRatio) {
			t.apart[l] = true
		}
	}
}

// exp2Small is 2^x for |x| < 1e-3, to 1e-10.
func exp2Small(x float64) float64 {
	x *= math.Ln2
	return 1 + x*(1+x/2)
}

// weigh sets the values of all problems.
func (u *Unrolled[T]) weigh() {
	u.each(func(fl *flow[T], t *tape[T], k int) {
		s := u.scratch.get()
		lo, hi := parallel.Chunk(fl.n, fl.chunks, k)
		clear(t.part[k])
		t.weights(fl, u.steps-1, lo, hi)
		s.Value(fl.p.cost, lo, hi, T(fl.kappa), fl.ft, fl.gt, t.at, t.p, t.sum, nil, t.part[k], nil, 0)
		u.scratch.put(s)
	})
	for k, fl := range u.flows {
		u.tapes[k].value = u.tapes[k].values(fl)
	}
}

// weights sets the weight a_i alpha_i of rows lo to hi-1 at step l+1.
func (t *tape[T]) weights(fl *flow[T], l, lo, hi int) {
	for i := lo; i < hi; i++ {
		t.at[i] = T(fl.p.a[i]) * t.alpha[l][i]
	}
}

func (t *tape[T]) values(fl *flow[T]) (v Values) {
	var mass, dual float64
	for i, a := range fl.p.a {
		if a > 0 {
			at := float64(t.at[i])
			v.Sharp += at * t.p[i]
			v.MarginalError += math.Abs(at*t.sum[i] - a)
			mass += at * t.sum[i]
			dual += a * fl.f[i]
		}
	}
	for j, b := range fl.p.b {
		if b > 0 {
			dual += b * (fl.g[j] - fl.log2b[j])
		}
	}
	v.Entropic = dual/fl.kappa - fl.eps*(mass-1)
	return v
}

// Values returns the values of problem k.
func (u *Unrolled[T]) Values(k int) Values { return u.tapes[k].value }

// each runs body on every chunk of every problem.
func (u *Unrolled[T]) each(body func(fl *flow[T], t *tape[T], k int)) {
	tasks := 0
	for _, fl := range u.flows {
		tasks += fl.chunks
	}
	parallel.For(u.run, tasks, func(i int) {
		for k, fl := range u.flows {
			if i < fl.chunks {
				body(fl, &u.tapes[k], i)
				return
			}
			i -= fl.chunks
		}
	})
}
