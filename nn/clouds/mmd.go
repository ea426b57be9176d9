package clouds

import (
	"github.com/sinkcpu/sinkcpu/kernels"
	"github.com/sinkcpu/sinkcpu/logsumexp"
	"github.com/sinkcpu/sinkcpu/nn"
)

// An MMD is the squared maximum mean discrepancy between two clouds of as many points, as discrepancy.MMD has it:
//
//	MMD^2 = E k(x,x') + E k(y,y') - 2 E k(x,y)
//
// The estimate within a cloud is over all pairs, or, where it is Unbiased, over those of different points, of which there must be two. It keeps
// its memory, 3 n^2 numbers, from call to call.
type MMD[T kernels.Float] struct {
	Kernel     string // gaussian, imq or energy
	Bandwidths []float64
	Unbiased   bool

	ops  Ops[T]
	work *nn.Workspace[T]
}

// NewMMD returns a discrepancy on a table.
func NewMMD[T kernels.Float](ops Ops[T], kernel string, bandwidths []float64, unbiased bool) *MMD[T] {
	return &MMD[T]{kernel, bandwidths, unbiased, ops, nn.NewWorkspace[T](ops)}
}

// Eval adds the derivatives of the discrepancy between x and y, both [n, d], to dx and dy, each unless it is nil, and returns it where it is wanted,
// which waits for the table; else 0.
func (k *MMD[T]) Eval(x, y, dx, dy *nn.Tensor[T], wanted bool) float64 {
	n := x.Rows()
	pairs, within := float64(n*n), float64(n*n)
	if k.Unbiased {
		within -= float64(n)
	}
	terms := []Term[T]{{x, y, dx, dy, -2 / pairs}, {x, x, dx, dx, 1 / within}, {y, y, dy, dy, 1 / within}}
	if dy == nil && !wanted {
		terms = terms[:2]
	}
	q := k.work.Tensor(0, len(terms), n, n)
	matrix := func(j int) *nn.Tensor[T] { return q.Slice(j, j+1).Reshape(n, n) }
	for j, t := range terms {
		k.ops.PairCosts(logsumexp.SqEuclidean, matrix(j), t.X, t.Y)
	}
	var sums []float64
	if wanted {
		sums = make([]float64, len(terms))
	}
	k.ops.Similarity(sums, k.Kernel, k.Bandwidths, q)
	var value float64
	for j, sum := range sums {
		if k.Unbiased && j > 0 {
			sum -= float64(n) * k.zero()
		}
		value += terms[j].Weight * sum
	}
	for j, t := range terms {
		if t.wanted() { // slopes are by |x-y|^2/2
			k.ops.PullCosts(logsumexp.HalfSqEuclidean, T(t.Weight), matrix(j), matrix(j), t.DX, t.DY, t.X, t.Y)
		}
	}
	return value
}

// zero returns k(0).
func (k *MMD[T]) zero() float64 {
	if k.Kernel == "energy" {
		return 0
	}
	return float64(len(k.Bandwidths))
}
