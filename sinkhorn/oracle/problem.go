package oracle

import (
	"fmt"
	"math"
	"slices"
	"sort"

	"github.com/sinkcpu/sinkcpu/kernels"
)

// A Regularizer is the term that makes the optimal plan unique and the value smooth.
type Regularizer int

// The regularisers.
const (
	KL    Regularizer = iota // KL(P|a b^T), mass terms included
	Norm2                    // 1/2 sum_ij P_ij^2/(a_i b_j)
)

// RegularizerNames are the names that [ParseRegularizer] takes.
var RegularizerNames = []string{"kl", "l2"}

// ParseRegularizer returns the regulariser of that name: kl or l2.
func ParseRegularizer(name string) (Regularizer, error) {
	for r, n := range RegularizerNames {
		if n == name {
			return Regularizer(r), nil
		}
	}
	return 0, fmt.Errorf("oracle: unknown regulariser %q, want kl or l2", name)
}

// String returns the name.
func (r Regularizer) String() string { return RegularizerNames[r] }

// Density returns the density of the plan by a b^T at v = f + g - c, the derivative of [Regularizer.Conjugate].
//
//	kl: e^(v/lambda)          l2: max(v, 0)/lambda
func (r Regularizer) Density(v, lambda float64) float64 {
	if r == KL {
		return math.Exp(v / lambda)
	}
	return max(v, 0) / lambda
}

// Conjugate returns what the dual subtracts for v = f + g - c.
//
//	kl: lambda (e^(v/lambda) - 1)          l2: max(v, 0)^2/(2 lambda)
//
// The paper's potentials for KL are phi + psi = f + g + lambda, which turns the first into (lambda/e) e^(v/lambda).
func (r Regularizer) Conjugate(v, lambda float64) float64 {
	if r == KL {
		return lambda * math.Expm1(v/lambda)
	}
	v = max(v, 0)
	return v * v / (2 * lambda)
}

// A Problem is regularised transport between rows and columns. Build one with [NewProblem].
type Problem struct {
	Reg    Regularizer
	Lambda float64
	N, M   int
	C      []float64 // N x M, row-major, finite
	A, B   []float64 // positive weights of rows and columns, each of sum 1
	Self   bool      // rows and columns are the same points, C symmetric and A = B: one potential is enough
}

// NewProblem returns the problem with that cost, n x m row-major, which it keeps. nil weights are uniform; others are divided by their sum.
// It is an error when lambda or a weight is not positive and finite, or a cost not finite.
func NewProblem(reg Regularizer, lambda float64, c []float64, n, m int, a, b []float64) (*Problem, error) {
	if !(lambda > 0) || math.IsInf(lambda, 1) {
		return nil, fmt.Errorf("oracle: lambda is %g, want a positive number", lambda)
	}
	if n < 1 || m < 1 || len(c) != n*m {
		return nil, fmt.Errorf("oracle: %d costs for %d x %d points", len(c), n, m)
	}
	for k, v := range c {
		if v-v != 0 {
			return nil, fmt.Errorf("oracle: cost of row %d, column %d is %g, want a finite number", k/m, k%m, v)
		}
	}
	p := &Problem{Reg: reg, Lambda: lambda, N: n, M: m, C: c}
	var err error
	if p.A, err = weights("a", a, n); err != nil {
		return nil, err
	}
	p.B, err = weights("b", b, m)
	return p, err
}

func weights(name string, w []float64, n int) ([]float64, error) {
	unit := make([]float64, n)
	if w == nil {
		for i := range unit {
			unit[i] = 1 / float64(n)
		}
		return unit, nil
	}
	if len(w) != n {
		return nil, fmt.Errorf("oracle: %d weights %s for %d points", len(w), name, n)
	}
	var sum float64
	for i, v := range w {
		if !(v > 0) || math.IsInf(v, 1) {
			return nil, fmt.Errorf("oracle: weight %s[%d] is %g, want a positive number", name, i, v)
		}
		sum += v
	}
	for i, v := range w {
		unit[i] = v / sum
	}
	return unit, nil
}

// Dual returns the dual objective, at most the optimal value:
//
//	<a,f> + <b,g> - sum_ij a_i b_j conjugate(f_i + g_j - C_ij)
func (p *Problem) Dual(f, g []float64) float64 {
	sum, row := kernels.Dot(p.A, f)+kernels.Dot(p.B, g), make([]float64, p.M)
	for i, a := range p.A {
		p.densities(row, i, f[i], g)
		if p.Reg == KL { // the conjugate is lambda (density - 1)
			sum -= p.Lambda * a * (kernels.Dot(p.B, row) - 1)
			continue
		}
		for j, v := range row { // and lambda/2 density^2
			sum -= p.Lambda / 2 * a * p.B[j] * v * v
		}
	}
	return sum
}

// densities sets row to those of row i of the plan.
func (p *Problem) densities(row []float64, i int, f float64, g []float64) {
	for j, c := range p.C[i*p.M : (i+1)*p.M] {
		row[j] = (f + g[j] - c) / p.Lambda
	}
	if p.Reg == KL {
		kernels.Exp(row, row)
		return
	}
	for j, v := range row {
		row[j] = max(v, 0)
	}
}

// Plan sets dst (N x M) to the plan of the potentials.
//
//	P_ij = a_i b_j density(f_i + g_j - C_ij)
func (p *Problem) Plan(dst, f, g []float64) {
	for i, a := range p.A {
		row := dst[i*p.M : (i+1)*p.M]
		p.densities(row, i, f[i], g)
		for j, b := range p.B {
			row[j] *= a * b
		}
	}
}

// Primal returns <P,C> + lambda I(P) of a plan.
func (p *Problem) Primal(plan []float64) float64 {
	var cost, penalty float64
	row := make([]float64, p.M)
	for i, a := range p.A {
		at := plan[i*p.M : (i+1)*p.M]
		cost += kernels.Dot(at, p.C[i*p.M:(i+1)*p.M])
		for j, v := range at {
			row[j] = v / (a * p.B[j])
		}
		if p.Reg == Norm2 {
			penalty += kernels.Dot(at, row) / 2
			continue
		}
		for j, v := range row {
			row[j] = max(v, math.SmallestNonzeroFloat64) // 0 log 0 = 0
		}
		kernels.Log(row, row)
		penalty += kernels.Dot(at, row) - kernels.Sum(at) + a
	}
	return cost + p.Lambda*penalty
}

// Round changes a plan into a near one with exact marginals: rows and then columns that have too much are scaled down, and what all lack is
// filled in as a product. Source: Altschuler, Weed and Rigollet 2017, algorithm 2.
func (p *Problem) Round(plan []float64) {
	lackA, lackB := append([]float64(nil), p.A...), append([]float64(nil), p.B...)
	cols := make([]float64, p.M)
	for i, a := range p.A {
		row := plan[i*p.M : (i+1)*p.M]
		shrink(row, a)
		for j, v := range row {
			cols[j] += v
		}
	}
	for j, b := range p.B {
		scale := 1.
		if cols[j] > b {
			scale = b / cols[j]
		}
		for i := range lackA {
			plan[i*p.M+j] *= scale
			lackA[i] -= plan[i*p.M+j]
		}
		lackB[j] -= cols[j] * scale
	}
	var missing float64
	for i := range lackA {
		lackA[i] = max(0, lackA[i])
		missing += lackA[i]
	}
	for i, u := range lackA {
		if u == 0 {
			continue
		}
		for j, v := range lackB {
			plan[i*p.M+j] += u * max(0, v) / missing
		}
	}
}

// shrink scales x down to the sum most.
func shrink(x []float64, most float64) {
	var sum float64
	for _, v := range x {
		sum += v
	}
	if sum > most {
		for k := range x {
			x[k] *= most / sum
		}
	}
}

// Gap returns a bound of how far the dual at the potentials is from its maximum: the primal of their plan, rounded, less the dual.
func (p *Problem) Gap(f, g []float64) float64 {
	plan := make([]float64, p.N*p.M)
	p.Plan(plan, f, g)
	p.Round(plan)
	return max(0, p.Primal(plan)-p.Dual(f, g))
}

// UpdateRows maximises the dual over f: the rows of the plan sum to a after it. It is the c-transform of g, softened by the regulariser.
func (p *Problem) UpdateRows(f, g []float64) {
	v, by := make([]float64, p.M), make([]int, p.M)
	for i := range f {
		for j, c := range p.C[i*p.M : (i+1)*p.M] {
			v[j] = c - g[j]
		}
		f[i] = p.transform(v, p.B, by)
	}
}

// UpdateColumns maximises the dual over g: the columns of the plan sum to b after it.
func (p *Problem) UpdateColumns(f, g []float64) {
	v, by := make([]float64, p.N), make([]int, p.N)
	for j := range g {
		for i := range v {
			v[i] = p.C[i*p.M+j] - f[i]
		}
		g[j] = p.transform(v, p.A, by)
	}
}

// transform returns the t with sum_k w_k density(t - v_k) = 1. by is scratch, and v afterwards.
//
//	kl: -lambda log sum_k w_k e^(-v_k/lambda)          l2: the root of a piecewise linear function, its breaks sorted
func (p *Problem) transform(v, w []float64, by []int) float64 {
	if p.Reg == KL {
		least := slices.Min(v)
		for k, x := range v {
			v[k] = (least - x) / p.Lambda
		}
		kernels.Exp(v, v)
		return least - p.Lambda*math.Log(kernels.Dot(w, v))
	}
	for k := range by {
		by[k] = k
	}
	sort.Slice(by, func(i, j int) bool { return v[by[i]] < v[by[j]] })
	var weight, moment float64 // of the breaks below t
	for n, k := range by {
		weight += w[k]
		moment += w[k] * (v[k] - v[by[0]])
		t := (p.Lambda + moment) / weight
		if n+1 == len(by) || t <= v[by[n+1]]-v[by[0]] {
			return v[by[0]] + t
		}
	}
	return math.NaN() // no column: excluded by NewProblem
}

// largest returns the largest |cost|.
func (p *Problem) largest() (most float64) {
	for _, c := range p.C {
		most = max(most, math.Abs(c))
	}
	return most
}

// Spread returns the largest cost less the least.
func (p *Problem) Spread() float64 {
	lo, hi := p.C[0], p.C[0]
	for _, c := range p.C {
		lo, hi = min(lo, c), max(hi, c)
	}
	return hi - lo
}
