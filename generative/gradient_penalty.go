package generative

import (
	"fmt"
	"math"

	"github.com/sinkcpu/sinkcpu/internal/random"
	"github.com/sinkcpu/sinkcpu/kernels"
	"github.com/sinkcpu/sinkcpu/nn"
	"github.com/sinkcpu/sinkcpu/nn/clouds"
)

// gradientPenalty keeps the slope of features near 1 between two clouds; see [Adversarial].
type gradientPenalty[T kernels.Float] struct {
	weight float64
	step   float64       // half-width of the central difference, as a share of the distance between the two points of a row
	ops    clouds.Ops[T] // where all of it computes
	here   bool          // on the host
	net    nn.Layer[T]   // the features, of tensors of that table
	noise  *random.Stream

	work *nn.Workspace[T]
	t    *nn.Mirror[T] // where between the clouds the points are
}

// penaltyStep is the step in float32: the difference of two gradients loses 1e-7/penaltyStep of their size to rounding, and what the features
// bend on that way.
const penaltyStep = .001

// coarseOps is a table whose products may be of operands that are rounded further than its numbers.
type coarseOps interface {
	// Unit returns the rounding of an operand of a product.
	Unit() float64
}

// newGradientPenalty returns the penalty of that weight on features of tensors of the table ops, nil for 0: on that table where it has the operations of
// [clouds.Ops], else on the host. The features compute on the table networks. Its noise comes from the stream "penalty" of the seed.
func newGradientPenalty[T kernels.Float](networks, ops nn.Ops[T], features nn.Layer[T], weight float64, seed uint64, run kernels.Runner) (*gradientPenalty[T], error) {
	if !(weight >= 0) || math.IsInf(weight, 1) {
		return nil, fmt.Errorf("generative: weight %g of the gradient penalty, want a positive number, or 0 for none", weight)
	}
	if weight == 0 {
		return nil, nil
	}
	if c, ok := networks.(coarseOps); ok && c.Unit() > penaltyStep/1000 {
		return nil, fmt.Errorf("generative: a gradient penalty is a difference of gradients along a thousandth of the way, in which products of operands rounded to %.2g show nothing; "+
			"take them in full (unset SINKCPU_TF32), or give --constraint clip or spectral", c.Unit())
	}
	table, ok := ops.(clouds.Ops[T])
	if !ok {
		table, features = clouds.NewHost(hostOps(ops, run)), fromHost(ops, features)
	}
	return &gradientPenalty[T]{
		weight: weight, step: penaltyStep, ops: table, here: nn.OnHost[T](table), net: features, noise: random.New(seed, "penalty"), work: nn.NewWorkspace[T](table),
	}, nil
}

// The tensors of the workspace.
const (
	penaltyPoints     = iota
	penaltySlopes     // of the features along their directions, then steps along them
	penaltyBeside     // points a step away
	penaltyDirections // of the features
	penaltyDistance   // between the points of a row
	penaltyExcess     // of a slope over 1
)

// add adds weight times the derivative of the mean over the rows of (|g_i| - 1)^2, g = J^T u, to the gradients of the features' parameters. points is x
// over y, and embedded their features, the last output of that network, which is overwritten. The mean is returned where it is wanted: it waits for
// the table. A slope that is not finite shows in the gradients too.
//
// The points are this rank's of s, the mean that of all.
//
//	d|g_i| = <g_i/|g_i|, d(J^T u_i)> = d <u_i, f(p_i + h v_i) - f(p_i - h v_i)>/(2h) + O(h^2)          v_i = g_i/|g_i|
func (q *gradientPenalty[T]) add(points, embedded *nn.Tensor[T], s *share, wanted bool) (mean float64) {
	if q.here {
		points, embedded = onHost(points), onHost(embedded)
	}
	n := points.Rows() / 2
	total := s.count(n)
	p, u, distance := q.place(points, embedded, n, total, s)
	g := q.work.Tensor(penaltySlopes, p.Shape()...)
	q.net.Forward(p)
	q.ops.Copy(g, q.net.Backward(u, nn.WantInput))
	excess := q.work.Tensor(penaltyExcess, n)
	q.ops.SlopePenalty(g, u, excess, distance, T(q.step), T(q.weight/float64(total)))
	beside := q.work.Tensor(penaltyBeside, p.Shape()...)
	for _, sign := range []T{1, -1} {
		q.ops.Copy(beside, p)
		q.ops.Axpy(beside, sign, g)
		q.net.Forward(beside)
		q.net.Backward(u, nn.WantParams)
		q.ops.Scale(u, -1)
	}
	if !wanted {
		return 0
	}
	sum := []float64{q.ops.Dot(excess, excess) / float64(total)}
	s.join(sum)
	return sum[0]
}

// place sets the points between the clouds, the directions of their features, and the distances between the clouds row by row.
func (q *gradientPenalty[T]) place(points, embedded *nn.Tensor[T], n, total int, s *share) (p, u, distance *nn.Tensor[T]) {
	if q.t == nil || len(q.t.Host) != n {
		q.t = nn.NewMirror[T](q.ops, n)
	}
	lo, _ := s.span(total)
	for range lo {
		q.noise.Float64() // of the rows of other ranks
	}
	for i := range q.t.Host {
		q.t.Host[i] = T(q.noise.Float64())
	}
	for range total - lo - n {
		q.noise.Float64()
	}
	like := func(slot int, t *nn.Tensor[T]) *nn.Tensor[T] {
		return q.work.Tensor(slot, append([]int{n}, t.Shape()[1:]...)...)
	}
	u, p, distance = like(penaltyDirections, embedded), like(penaltyPoints, points), q.work.Tensor(penaltyDistance, n)
	rows := func(t *nn.Tensor[T], k int) *nn.Tensor[T] { return t.Slice(k*n, (k+1)*n).Reshape(n, t.Size()/(2*n)) }
	q.ops.Between(nil, u, nil, rows(embedded, 0), rows(embedded, 1), nil)
	q.ops.Between(p, nil, distance, rows(points, 0), rows(points, 1), q.t.Push())
	return p, u, distance
}
