package clouds

import (
	"fmt"

	"github.com/sinkcpu/sinkcpu/kernels"
	"github.com/sinkcpu/sinkcpu/nn"
)

// What tables hold the arguments of [Ops] against. They panic with a message that gives the sizes.

// SizesOf returns the problems of a stack of costs and the points of either side.
func SizesOf[T kernels.Float](c *nn.Tensor[T]) (k, n, m int) {
	s := c.Shape()
	if len(s) != 3 || s[1] == 0 || s[2] == 0 {
		panic(fmt.Sprintf("clouds: costs of shape %v, want [problems rows columns]", c))
	}
	return s[0], s[1], s[2]
}

// CheckPairs holds costs against two clouds.
func CheckPairs[T kernels.Float](c, x, y *nn.Tensor[T]) {
	if x.Cols() != y.Cols() || x.Cols() == 0 || x.Rows() == 0 || y.Rows() == 0 || c.Rows() != x.Rows() || c.Cols() != y.Rows() {
		panic(fmt.Sprintf("clouds: costs of shape %v between clouds of %v and %v", c, x, y))
	}
}

// CheckPull holds derivatives against two clouds.
func CheckPull[T kernels.Float](w, c, dx, dy, x, y *nn.Tensor[T]) {
	CheckPairs(c, x, y)
	nn.CheckSizes(c.Size(), w)
	nn.CheckSizes(x.Size(), dx)
	nn.CheckSizes(y.Size(), dy)
}

// SameCloud reports whether two clouds are one.
func SameCloud[T kernels.Float](x, y *nn.Tensor[T]) bool {
	if x == nil || y == nil || x.Size() != y.Size() {
		return false
	}
	s, at := x.Storage()
	u, from := y.Storage()
	if at != from {
		return false
	}
	if x.OnHost() && y.OnHost() {
		return x.Size() > 0 && &x.Data()[0] == &y.Data()[0]
	}
	return s == u
}

// points returns how many points a side and the other one have in all.
func points[T kernels.Float](side Side, c *nn.Tensor[T]) (own, other int) {
	k, n, m := SizesOf(c)
	if side == Columns {
		n, m = m, n
	}
	return k * n, k * m
}

// CheckSoftMin holds the potentials of SoftMin against the costs.
func CheckSoftMin[T kernels.Float](side Side, s, c, h *nn.Tensor[T]) {
	own, other := points(side, c)
	nn.CheckSizes(own, s)
	nn.CheckSizes(other, h)
}

func (p *Plan[T]) check() {
	rows, cols := points(Rows, p.C)
	nn.CheckSizes(rows, p.F)
	nn.CheckSizes(cols, p.G)
}

// CheckProduct holds the vectors of Product against the costs.
func CheckProduct[T kernels.Float](side Side, y *nn.Tensor[T], p Plan[T], z *nn.Tensor[T]) {
	p.check()
	CheckSoftMin(side, y, p.C, z)
}

// CheckMarginals holds what Marginals sets against the costs.
func CheckMarginals[T kernels.Float](side Side, mass, cost *nn.Tensor[T], p Plan[T]) {
	p.check()
	own, _ := points(side, p.C)
	nn.CheckSizes(own, mass, cost)
}

// CheckGap holds the vectors of Gap against each other.
func CheckGap[T kernels.Float](gap, mass, f *nn.Tensor[T]) { nn.CheckSizes(gap.Size(), mass, f) }

// CheckWeigh holds the vectors of Weigh against each other.
func CheckWeigh[T kernels.Float](k int, mass, cost, f, g *nn.Tensor[T]) {
	nn.CheckSizes(k*f.Cols(), mass, cost, f)
	nn.CheckSizes(k*g.Cols(), g)
}

// CheckRecord holds a record against the derivative by its costs, and returns its steps and the problems of one.
func CheckRecord[T kernels.Float](dc *nn.Tensor[T], r Record[T]) (steps, problems int) {
	k, n, m := SizesOf(dc)
	nn.CheckSizes(dc.Size(), r.C)
	s := r.F.Shape()
	if len(s) != 3 || s[0] == 0 || s[1] < k || s[2] != n || r.G.Cols() != m {
		panic(fmt.Sprintf("clouds: a record of shapes %v and %v for costs of %v", r.F, r.G, dc))
	}
	nn.CheckSizes(s[0]*s[1]*n, r.Phi)
	nn.CheckSizes(s[0]*s[1]*m, r.G, r.Psi)
	nn.CheckSizes(s[1]*m, r.G0)
	return s[0], s[1]
}

// CheckBetween holds the points of Between against each other, and returns how many there are and their dimension.
func CheckBetween[T kernels.Float](p, u, distance, x, y, t *nn.Tensor[T]) (n, d int) {
	n, d = x.Rows(), x.Cols()
	nn.CheckSizes(n*d, p, u, y)
	nn.CheckSizes(n, distance, t)
	if d == 0 || y.Cols() != d || p != nil && t == nil {
		panic(fmt.Sprintf("clouds: points between clouds of %v and %v", x, y))
	}
	return n, d
}

// CheckSlopePenalty holds slopes and directions against each other, and returns how many there are and the dimension of either.
func CheckSlopePenalty[T kernels.Float](g, u, excess, distance *nn.Tensor[T]) (n, d, dim int) {
	n = excess.Size()
	nn.CheckSizes(n, distance)
	if n == 0 || g.Size()%n != 0 || u.Size()%n != 0 {
		panic(fmt.Sprintf("clouds: slopes of %v and directions of %v for %d points", g, u, n))
	}
	return n, g.Size() / n, u.Size() / n
}

// CheckCount holds the number of results against that of the problems.
func CheckCount(results, problems int) {
	if results != problems {
		panic(fmt.Sprintf("clouds: %d results for %d problems", results, problems))
	}
}

// CheckSums is CheckCount of results that may be nil.
func CheckSums(results []float64, problems int) {
	if results != nil {
		CheckCount(len(results), problems)
	}
}

// MaxBandwidths bounds the bandwidths of Similarity.
const MaxBandwidths = 16

// CheckSimilarity holds the arguments of Similarity against what they may be.
func CheckSimilarity(kernel string, bandwidths []float64) {
	switch {
	case kernel == "energy":
	case kernel != "gaussian" && kernel != "imq":
		panic("clouds: unknown kernel " + kernel)
	case len(bandwidths) == 0 || len(bandwidths) > MaxBandwidths:
		panic(fmt.Sprintf("clouds: %d bandwidths, want 1 to %d", len(bandwidths), MaxBandwidths))
	}
}
