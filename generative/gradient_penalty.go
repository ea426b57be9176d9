package generative

import (
	"fmt"
	"math"

	"github.com/sinkcpu/sinkcpu/internal/random"
	"github.com/sinkcpu/sinkcpu/kernels"
	"github.com/sinkcpu/sinkcpu/nn"
)

// gradientPenalty keeps the slope of features near 1 between two clouds; see [Adversarial].
type gradientPenalty[T kernels.Float] struct {
	weight float64
	step   float64     // half-width of the central difference, as a share of the distance between the two points of a row
	ops    nn.Ops[T]   // of the host
	net    nn.Layer[T] // the features, of tensors of the host
	noise  *random.Stream

	u, p, g, side *nn.Tensor[T] // directions of the features, points, slopes at them, points beside them
}

// penaltyStep is the step in float32: the difference of two gradients loses 1e-7/penaltyStep of their size to rounding, and what the features
// bend on that way.
const penaltyStep = .001

// newGradientPenalty returns the penalty of that weight on features of tensors of the host, nil for 0. Its noise comes from the stream "penalty" of the seed.
func newGradientPenalty[T kernels.Float](ops nn.Ops[T], features nn.Layer[T], weight float64, seed uint64) (*gradientPenalty[T], error) {
	if !(weight >= 0) || math.IsInf(weight, 1) {
		return nil, fmt.Errorf("generative: weight %g of the gradient penalty, want a positive number, or 0 for none", weight)
	}
	if weight == 0 {
		return nil, nil
	}
	return &gradientPenalty[T]{weight: weight, step: penaltyStep, ops: ops, net: features, noise: random.New(seed, "penalty")}, nil
}

// add returns the mean over the rows of (|g_i| - 1)^2, g = J^T u, and adds weight times its derivative to the gradients of the features'
// parameters. points is x over y, and embedded their features, the last output of that network, which is overwritten.
//
// The points are this rank's of s, the mean that of all.
//
//	d|g_i| = <g_i/|g_i|, d(J^T u_i)> = d <u_i, f(p_i + h v_i) - f(p_i - h v_i)>/(2h) + O(h^2)          v_i = g_i/|g_i|
func (q *gradientPenalty[T]) add(points, embedded *nn.Tensor[T], s *share) (mean float64) {
	n := points.Rows() / 2
	total := s.count(n)
	lo, _ := s.span(total)
	for range lo {
		q.noise.Float64() // of the rows of other ranks
	}
	width := q.place(points, embedded, n)
	for range total - lo - n {
		q.noise.Float64()
	}
	q.net.Forward(q.p)
	q.ops.Copy(q.g, q.net.Backward(q.u, nn.WantInput))
	for i := range n {
		g := row(q.g, i, n)
		norm := math.Sqrt(float64(kernels.Dot(g, g)))
		mean += (norm - 1) * (norm - 1) / float64(total)
		h := q.step * width[i]
		if !(norm > 0) || !(h > 0) {
			clear(g)
			clear(row(q.u, i, n))
			continue
		}
		kernels.Scale(g, T(h/norm))
		kernels.Scale(row(q.u, i, n), T(q.weight*(norm-1)/(float64(total)*h)))
	}
	for _, sign := range []T{1, -1} {
		q.ops.Copy(q.side, q.p)
		q.ops.Axpy(q.side, sign, q.g)
		q.net.Forward(q.side)
		q.net.Backward(q.u, nn.WantParams)
		q.ops.Scale(q.u, -1)
	}
	sum := []float64{mean}
	s.join(sum)
	return sum[0]
}

// place sets the points between the clouds and the directions of their features, and returns the distances between the clouds row by row.
func (q *gradientPenalty[T]) place(points, embedded *nn.Tensor[T], n int) (width []float64) {
	if q.p == nil || q.p.Rows() != n {
		like := func(t *nn.Tensor[T]) *nn.Tensor[T] {
			return nn.NewTensor[T](append([]int{n}, t.Shape()[1:]...)...)
		}
		q.u, q.p, q.g, q.side = like(embedded), like(points), like(points), like(points)
	}
	width = make([]float64, n)
	for i := range n {
		u := row(q.u, i, n)
		copy(u, row(embedded, i, 2*n))
		kernels.Axpy(u, -1, row(embedded, n+i, 2*n))
		if length := math.Sqrt(float64(kernels.Dot(u, u))); length > 0 {
			kernels.Scale(u, T(1/length))
		}
		p, x, y := row(q.p, i, n), row(points, i, 2*n), row(points, n+i, 2*n)
		t := T(q.noise.Float64())
		for k := range p {
			p[k] = t*x[k] + (1-t)*y[k]
			width[i] += float64(x[k]-y[k]) * float64(x[k]-y[k])
		}
		width[i] = math.Sqrt(width[i])
	}
	return width
}

// row returns row i of a tensor of that many rows.
func row[T kernels.Float](t *nn.Tensor[T], i, rows int) []T {
	d := t.Size() / rows
	return t.Data()[i*d : (i+1)*d]
}
