package cuda

import (
	"github.com/sinkcpu/sinkcpu/cuda/device"
	"github.com/sinkcpu/sinkcpu/logsumexp"
	"github.com/sinkcpu/sinkcpu/nn/clouds"
)

// Kinds of a ground; as enum Ground of the kernels.
const (
	radialGround = iota
	cosineGround
	dotGround
)

// differencesTo is the number of coordinates up to which distances come from differences, which lose nothing at near points; beyond it they
// come from inner products, whose tiles are faster. Those have all terms of TF32 whatever [Ops.TF32] says: distances are what is left of them.
const differencesTo = 64

// PairCosts sets c[i,j] to the cost between row i of x and row j of y.
func (o *Ops) PairCosts(ground logsumexp.Ground, c, x, y *floats) {
	clouds.CheckPairs(c, x, y)
	n, m, d := x.Rows(), y.Rows(), x.Cols()
	same := 0
	if clouds.SameCloud(x, y) && ground != logsumexp.DotProduct {
		same = 1
	}
	scale, power, radial := ground.Radial()
	sizes := []device.Arg{count(n), count(m), count(d), count(same)}
	factors := []device.Arg{device.F32(float32(scale)), device.F32(float32(power))}
	o.begin()
	defer o.mu.Unlock()
	tiles := device.Dim{X: ceilDiv(m, 64), Y: ceilDiv(n, 64), Z: 1}
	switch {
	case ground == logsumexp.L1:
		o.run("clouds_manhattan", tiles, append([]device.Arg{o.arg(c), o.arg(x), o.arg(y)}, sizes...)...)
		return
	case radial && d <= differencesTo:
		o.run("clouds_squares", tiles, append(append([]device.Arg{o.arg(c), o.arg(x), o.arg(y)}, factors...), sizes...)...)
		return
	}
	kind, nx, ny := dotGround, device.Ptr(0), device.Ptr(0)
	a, b := o.arg(x), o.arg(y)
	switch {
	case radial:
		kind = radialGround
		p := o.roomOf(&o.beside, 4*(n+m))
		nx, ny = device.Ptr(p), device.Ptr(p+device.Pointer(4*n))
		o.run("clouds_norms", blocks(n, threads/32), nx, a, count(n), count(d))
		o.run("clouds_norms", blocks(m, threads/32), ny, b, count(m), count(d))
	case ground == logsumexp.Cosine:
		kind = cosineGround
		u, v := o.directions(x, y)
		a, b = u.at, v.at
	}
	o.multiplyOf(allTerms, false, true, n, m, d, 1, a, b, 0, o.arg(c))
	o.run("clouds_finish", blocks(n*m, threads), append(append([]device.Arg{o.arg(c), nx, ny, count(kind)}, factors...), count(n), count(m), count(same))...)
}

// directed is the directions of a cloud, its lengths, and room for a derivative by them.
type directed struct{ at, length, gradient device.Arg }

// directions returns those of two clouds, which last until the next operation on clouds.
func (o *Ops) directions(x, y *floats) (u, v directed) {
	n, m, d := x.Rows(), y.Rows(), x.Cols()
	p := o.roomOf(&o.beside, 4*(n+m)*(2*d+1))
	next := func(size int) device.Arg {
		at := device.Ptr(p)
		p += device.Pointer(4 * size)
		return at
	}
	for _, side := range []struct {
		to   *directed
		from *floats
		n    int
	}{{&u, x, n}, {&v, y, m}} {
		*side.to = directed{next(side.n * d), next(side.n), next(side.n * d)}
		o.run("clouds_directions", blocks(side.n, threads/32), side.to.at, side.to.length, o.arg(side.from), count(side.n), count(d))
	}
	return u, v
}

// PullCosts adds to dx and dy alpha times what the derivative w by the costs c means for x and y.
func (o *Ops) PullCosts(ground logsumexp.Ground, alpha float32, w, c, dx, dy, x, y *floats) {
	clouds.CheckPull(w, c, dx, dy, x, y)
	o.begin()
	defer o.mu.Unlock()
	_, power, radial := ground.Radial()
	switch {
	case radial:
		slope := alpha * float32(power)
		if ground == logsumexp.HalfSqEuclidean {
			slope = alpha
		}
		if power != 2 {
			slope = alpha
			o.run("clouds_slopes", blocks(w.Size(), threads), o.arg(w), o.arg(c), device.F32(float32(power)), count(w.Size()))
		}
		o.pullDifferences(slope, w, dx, dy, x, y)
	case ground == logsumexp.L1:
		o.pullSigns(alpha, w, dx, dy, x, y)
	case ground == logsumexp.Cosine:
		o.pullDirections(alpha, w, dx, dy, x, y)
	default:
		o.pullProducts(-alpha, 1, o.arg(w), o.arg(x), o.arg(y), o.arg(dx), o.arg(dy), x.Rows(), y.Rows(), x.Cols(), dx != nil, dy != nil)
	}
}

// pullDifferences adds alpha sum_j w_ij (x_i - y_j) to dx_i and alpha sum_i w_ij (y_j - x_i) to dy_j.
func (o *Ops) pullDifferences(alpha float32, w, dx, dy, x, y *floats) {
	n, m, d := x.Rows(), y.Rows(), x.Cols()
	if dx != nil && clouds.SameCloud(x, y) && clouds.SameCloud(dx, dy) {
		tiles := ceilDiv(n, 32)
		o.run("clouds_symmetrise", device.Dim{X: tiles, Y: tiles, Z: 1}, o.arg(w), count(n))
		dy = nil
	}
	sums := device.Ptr(o.roomOf(&o.beside, 4*(n+m)))
	for _, side := range []struct {
		side  clouds.Side
		dz, z *floats
	}{{clouds.Rows, dx, x}, {clouds.Columns, dy, y}} {
		if side.dz == nil {
			continue
		}
		o.pass("clouds_total", side.side, o.arg(w), 1, n, m, sums)
		o.run("clouds_add_rows", blocks(side.z.Size(), threads), o.arg(side.dz), sums, o.arg(side.z), device.F32(alpha), count(d), count(side.z.Size()))
	}
	o.pullProducts(-alpha, 1, o.arg(w), o.arg(x), o.arg(y), o.arg(dx), o.arg(dy), n, m, d, dx != nil, dy != nil)
}

// pullProducts sets dx = beta dx + alpha w y and dy = beta dy + alpha w^T x, where they are wanted.
func (o *Ops) pullProducts(alpha, beta float32, w, x, y, dx, dy device.Arg, n, m, d int, wantX, wantY bool) {
	if wantX {
		o.multiplyOf(allTerms, false, false, n, d, m, alpha, w, y, beta, dx)
	}
	if wantY {
		o.multiplyOf(allTerms, true, false, m, d, n, alpha, w, x, beta, dy)
	}
}

// pullDirections is the derivative of 1 - <x,y>/(|x||y|).
func (o *Ops) pullDirections(alpha float32, w, dx, dy, x, y *floats) {
	n, m, d := x.Rows(), y.Rows(), x.Cols()
	u, v := o.directions(x, y)
	o.pullProducts(-alpha, 0, o.arg(w), u.at, v.at, u.gradient, v.gradient, n, m, d, dx != nil, dy != nil)
	for _, side := range []struct {
		dz *floats
		z  directed
		n  int
	}{{dx, u, n}, {dy, v, m}} {
		if side.dz != nil {
			o.run("clouds_add_tangents", blocks(side.n, threads/32), o.arg(side.dz), side.z.gradient, side.z.at, side.z.length, count(side.n), count(d))
		}
	}
}

// pullSigns is the derivative of sum_k |x_k - y_k|.
func (o *Ops) pullSigns(alpha float32, w, dx, dy, x, y *floats) {
	n, m, d := x.Rows(), y.Rows(), x.Cols()
	const each = 8 // points of a block
	for _, side := range []struct {
		dz, z, other *floats
		down, right  int
	}{{dx, x, y, m, 1}, {dy, y, x, 1, m}} {
		if side.dz == nil {
			continue
		}
		own := side.z.Rows()
		o.run("clouds_add_signs", device.Dim{X: ceilDiv(d, threads), Y: ceilDiv(own, each), Z: 1}, o.arg(side.dz), o.arg(w), o.arg(side.z), o.arg(side.other),
			device.F32(alpha), count(side.down), count(side.right), count(own), count(n+m-own), count(d))
	}
}
