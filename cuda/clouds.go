package cuda

import (
	"github.com/sinkcpu/sinkcpu/cuda/device"
	"github.com/sinkcpu/sinkcpu/nn/clouds"
)

var _ clouds.Ops[float32] = (*Ops)(nil)

// columnThreads is the block of a pass along columns; as COLUMN_THREADS of the kernels.
const columnThreads = 512

// pass runs a pass over a stack of costs that has a sum for each point of a side.
func (o *Ops) pass(name string, side clouds.Side, c device.Arg, k, n, m int, args ...device.Arg) {
	args = append([]device.Arg{c, count(n), count(m)}, args...)
	if side == clouds.Rows {
		o.run(name+"_rows", device.Dim{X: ceilDiv(n, threads/32), Y: k, Z: 1}, args...)
		return
	}
	o.launch(name+"_columns", device.Dim{X: ceilDiv(m, 32), Y: k, Z: 1}, columnThreads, args...)
}

// SoftMin sets a potential of one side from that of the other.
func (o *Ops) SoftMin(side clouds.Side, s, c, h *floats, kappa, lambda float32) {
	clouds.CheckSoftMin(side, s, c, h)
	k, n, m := clouds.SizesOf(c)
	o.begin()
	defer o.mu.Unlock()
	o.pass("clouds_soft_min", side, o.arg(c), k, n, m, o.arg(s), o.arg(h), device.F32(kappa), device.F32(lambda))
}

// sides returns what kernels take of a plan: potentials and factors, of the side of the sums first.
func (o *Ops) sides(side clouds.Side, p *clouds.Plan[float32]) (f, g device.Arg, ofF, ofG float32) {
	if side == clouds.Rows {
		return o.arg(p.F), o.arg(p.G), p.OfF, p.OfG
	}
	return o.arg(p.G), o.arg(p.F), p.OfG, p.OfF
}

// Product multiplies by a plan or its transpose.
func (o *Ops) Product(side clouds.Side, y *floats, p clouds.Plan[float32], z *floats, alpha, beta float32) {
	clouds.CheckProduct(side, y, p, z)
	k, n, m := clouds.SizesOf(p.C)
	o.begin()
	defer o.mu.Unlock()
	f, g, ofF, ofG := o.sides(side, &p)
	o.pass("clouds_product", side, o.arg(p.C), k, n, m, o.arg(y), f, g, o.arg(z), device.F32(p.Kappa), device.F32(ofF), device.F32(ofG),
		device.F32(alpha), device.F32(beta))
}

// Marginals sets the masses and the mean costs of the points of one side under a plan.
func (o *Ops) Marginals(side clouds.Side, mass, cost *floats, p clouds.Plan[float32]) {
	clouds.CheckMarginals(side, mass, cost, p)
	k, n, m := clouds.SizesOf(p.C)
	o.begin()
	defer o.mu.Unlock()
	f, g, ofF, ofG := o.sides(side, &p)
	o.pass("clouds_marginals", side, o.arg(p.C), k, n, m, o.arg(mass), o.arg(cost), f, g, device.F32(p.Kappa), device.F32(ofF), device.F32(ofG))
}

// Gap sets gap_i = t(unit f_i) - mass_i.
func (o *Ops) Gap(gap, mass, f *floats, unit, rho float64) {
	n := gap.Size()
	clouds.CheckGap(gap, mass, f)
	o.begin()
	defer o.mu.Unlock()
	o.run("clouds_gap", blocks(n, threads), o.arg(gap), o.arg(mass), o.arg(f), device.F64(unit), device.F64(rho), count(n))
}

// Weigh sums over the points of each problem. It waits for the device.
func (o *Ops) Weigh(sums []clouds.Sums, mass, cost, f, g *floats, unit, rho float64) {
	clouds.CheckWeigh(len(sums), mass, cost, f, g)
	const each = 4
	o.begin()
	defer o.mu.Unlock()
	p := o.scratchOf(8 * each * len(sums))
	o.run("clouds_weigh", blocks(len(sums), 1), device.Ptr(p), o.arg(mass), o.arg(cost), o.arg(f), o.arg(g), device.F64(unit), device.F64(rho),
		count(f.Cols()), count(g.Cols()))
	all := make([]float64, each*len(sums))
	o.numbers(all, p)
	for k := range sums {
		s := all[each*k:]
		sums[k] = clouds.Sums{Cost: s[0], Mass: s[1], Miss: s[2], Dual: s[3]}
	}
}

// CostGradient sets the derivative by the costs that a reverse pass over a record leaves.
func (o *Ops) CostGradient(dc *floats, r clouds.Record[float32], invEps float32) {
	steps, problems := clouds.CheckRecord(dc, r)
	k, n, m := clouds.SizesOf(dc)
	o.begin()
	defer o.mu.Unlock()
	const wide, tall = 64, 32 // of a block
	o.run("clouds_cost_gradient", device.Dim{X: ceilDiv(m, wide), Y: ceilDiv(n, tall), Z: k}, o.arg(dc), o.arg(r.C), o.arg(r.F), o.arg(r.G), o.arg(r.G0), o.arg(r.Phi), o.arg(r.Psi),
		device.F32(r.Kappa), device.F32(r.Lambda), device.F32(invEps), count(n), count(m), count(steps), count(problems))
}

// Means sets mean[k] to the mean of the costs of problem k. It waits for the device.
func (o *Ops) Means(mean []float64, c *floats) {
	k, n, m := clouds.SizesOf(c)
	clouds.CheckCount(len(mean), k)
	o.begin()
	defer o.mu.Unlock()
	o.totals(mean, 1/float64(n*m), func(parts int, partial device.Arg) {
		o.run("clouds_sum", device.Dim{X: parts, Y: k, Z: 1}, partial, o.arg(c), count(n*m))
	}, n*m)
}

// Parts of the sum of a problem: a block has at least partSize elements.
const (
	partSize     = 16 * threads
	maxSumsParts = 256
)

// partsOf returns how many parts there are of a sum of so many elements.
func partsOf(elements int) int { return max(1, min(elements/partSize, maxSumsParts)) }

// totals sets dst[k] to scale times the sum of what part leaves of each part of problem k, of so many elements.
func (o *Ops) totals(dst []float64, scale float64, part func(parts int, partial device.Arg), elements int) {
	parts, k := partsOf(elements), len(dst)
	p := o.scratchOf(8 * (parts + 1) * k)
	total := p + device.Pointer(8*parts*k)
	part(parts, device.Ptr(p))
	o.run("clouds_join", blocks(k, threads), device.Ptr(total), device.Ptr(p), device.F64(scale), count(parts), count(k))
	o.numbers(dst, total)
}

// Similarity replaces squared distances by the slopes of a kernel, and sums it where sums are wanted; then it waits for the device.
func (o *Ops) Similarity(sum []float64, kernel string, bandwidths []float64, c *floats) {
	k, n, m := clouds.SizesOf(c)
	clouds.CheckSums(sum, k)
	clouds.CheckSimilarity(kernel, bandwidths)
	o.begin()
	defer o.mu.Unlock()
	scales := o.scalesOf(bandwidths)
	part := func(parts int, partial device.Arg) {
		o.run("clouds_"+kernel, device.Dim{X: parts, Y: k, Z: 1}, partial, o.arg(c), device.Ptr(scales), count(min(len(bandwidths), clouds.MaxBandwidths)), count(n*m))
	}
	if sum == nil {
		parts := partsOf(n * m)
		part(parts, device.Ptr(o.scratchOf(8*parts*k)))
		return
	}
	o.totals(sum, 1, part, n*m)
}

// scalesOf returns bandwidths on the device, where they stay for the next call with the same.
func (o *Ops) scalesOf(bandwidths []float64) device.Pointer {
	var host [clouds.MaxBandwidths]float32
	for i, s := range bandwidths[:min(len(bandwidths), len(host))] {
		host[i] = float32(s)
	}
	known := o.scales.bytes > 0 && o.bandwidths == host
	p := o.roomOf(&o.scales, 4*len(host))
	if known || o.failed() != nil {
		return p
	}
	if err := device.Upload(o.d, p, host[:]); err != nil {
		o.fail(err)
	}
	o.bandwidths = host
	return p
}
