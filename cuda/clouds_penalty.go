package cuda

import (
	"github.com/sinkcpu/sinkcpu/cuda/device"
	"github.com/sinkcpu/sinkcpu/nn/clouds"
)

// Between sets points between those of two clouds, their directions and their distances.
func (o *Ops) Between(p, u, distance, x, y, t *floats) {
	n, d := clouds.CheckBetween(p, u, distance, x, y, t)
	o.begin()
	defer o.mu.Unlock()
	o.run("clouds_between", blocks(n, threads/32), o.arg(p), o.arg(u), o.arg(distance), o.arg(x), o.arg(y), o.arg(t), count(n), count(d))
}

// SlopePenalty makes of slopes and directions what a central difference takes.
func (o *Ops) SlopePenalty(g, u, excess, distance *floats, step, alpha float32) {
	n, d, dim := clouds.CheckSlopePenalty(g, u, excess, distance)
	o.begin()
	defer o.mu.Unlock()
	o.run("clouds_slope_penalty", blocks(n, threads/32), o.arg(g), o.arg(u), o.arg(excess), o.arg(distance), device.F32(step), device.F32(alpha), count(n),
		count(d), count(dim))
}
