package clouds

import (
	"github.com/sinkcpu/sinkcpu/kernels"
	"github.com/sinkcpu/sinkcpu/logsumexp"
	"github.com/sinkcpu/sinkcpu/nn"
)

// A Term is a transport problem between two clouds of as many points as those of the other terms, and what becomes of its derivative: Weight
// times it is added to DX and DY, each unless it is nil. For a cloud against itself Y is X, and DY is DX.
type Term[T kernels.Float] struct {
	X, Y   *nn.Tensor[T] // [n, d], [m, d]
	DX, DY *nn.Tensor[T]
	Weight float64
}

// wanted reports whether the term has a derivative.
func (t *Term[T]) wanted() bool { return t.DX != nil || t.DY != nil }

// A stack is the costs of the terms of a loss under one ground.
type stack[T kernels.Float] struct {
	ops    Ops[T]
	ground logsumexp.Ground
	work   *nn.Workspace[T]

	terms []Term[T]
	n, m  int
	c     *nn.Tensor[T] // [terms, n, m]
}

// The tensors of the workspace.
const (
	slotC = iota
	slotDC
	slotF
	slotG
	slotPhi
	slotPsi
	slotMass
	slotCost
	slotBeside
	slotColumns
	slotRight // and the next
)

func newStack[T kernels.Float](ops Ops[T], ground logsumexp.Ground) stack[T] {
	return stack[T]{ops: ops, ground: ground, work: nn.NewWorkspace[T](ops)}
}

// Costs forms the costs of terms, which stay as they are until the last use of their derivatives. Those without a derivative come last.
func (u *stack[T]) Costs(terms []Term[T]) {
	u.terms = append(u.terms[:0], terms...)
	u.n, u.m = terms[0].X.Rows(), terms[0].Y.Rows()
	u.c = u.work.Tensor(slotC, len(terms), u.n, u.m)
	for k := range terms {
		u.ops.PairCosts(u.ground, u.matrix(u.c, k), terms[k].X, terms[k].Y)
	}
}

// matrix returns matrix k of a stack.
func (u *stack[T]) matrix(c *nn.Tensor[T], k int) *nn.Tensor[T] {
	return c.Slice(k, k+1).Reshape(u.n, u.m)
}

// Means returns the mean cost of each term.
func (u *stack[T]) Means() []float64 {
	means := make([]float64, len(u.terms))
	u.ops.Means(means, u.c)
	return means
}

// wanted returns how many of the first terms have all those with a derivative.
func (u *stack[T]) wanted() int {
	for k := len(u.terms); k > 0; k-- {
		if u.terms[k-1].wanted() {
			return k
		}
	}
	return 0
}

// pull adds the derivatives that a record leaves, where they are wanted.
func (u *stack[T]) pull(r Record[T], invEps T) {
	wanted := u.wanted()
	r.C = u.c.Slice(0, wanted)
	dc := u.work.Tensor(slotDC, wanted, u.n, u.m)
	u.ops.CostGradient(dc, r, invEps)
	for k, t := range u.terms[:wanted] {
		if t.wanted() {
			u.ops.PullCosts(u.ground, T(t.Weight), u.matrix(dc, k), u.matrix(u.c, k), t.DX, t.DY, t.X, t.Y)
		}
	}
}
