package generative

import (
	"math"

	"github.com/sinkcpu/sinkcpu/nn"
)

// oracle returns the oracle of the criterion, nil where it has none.
func (o *Fit) oracle() *oraclePlans[float32] {
	if t, ok := o.criterion.(*Transport[float32]); ok {
		return t.oracle
	}
	return nil
}

// Notices returns that of an oracle which did not reach its accuracy.
func (o *Fit) Notices() []Notice {
	if p := o.oracle(); p != nil {
		return p.watch.notices
	}
	return nil
}

// slope returns the largest |J_i^T u_i|/norms_i over a few rows of dx, those of the largest norms: J_i is the derivative of point i by the
// parameters and u_i row i of dx. norms are those of the derivatives where the costs are formed, on the points or on their features.
func (o *Fit) slope(dx *nn.Tensor[float32], norms []float64) (largest float64) {
	d := o.model.dim
	one := nn.NewTensor[float32](dx.Rows(), d)
	used := make([]bool, len(norms))
	for range min(slopeRows, len(norms)) {
		at := -1
		for i, v := range norms {
			if !used[i] && v > 0 && (at < 0 || v > norms[at]) {
				at = i
			}
		}
		if at < 0 || math.IsInf(norms[at], 0) {
			break
		}
		used[at] = true
		clear(one.Data())
		// Scaled to 1, as the norm of a mean over the batch is small.
		for k, v := range dx.Data()[at*d : (at+1)*d] {
			one.Data()[at*d+k] = v / float32(norms[at])
		}
		o.group.ZeroGrad()
		o.model.net.Backward(o.share.of(one), nn.WantParams)
		if o.share.sum(o.group.Params) != nil {
			return 0
		}
		largest = max(largest, nn.GradNorm(o.ops, o.group.Params))
	}
	if math.IsNaN(largest) || math.IsInf(largest, 0) {
		return 0 // the step that follows ends the run
	}
	return largest
}

// theoryStep takes a step of length 1/L along the gradient of that norm, and now and then measures L1 beside it: how much the gradient changes
// over the step with noise, data and plans as they are,
//
//	L1 >= |grad(theta') - grad(theta)|/|theta' - theta|
//
// of which the largest seen is kept.
func (o *Fit) theoryStep(norm float64) error {
	p := o.oracle()
	rate := 1 / p.smoothness()
	if !(rate > 0) || math.IsInf(rate, 1) {
		return nil // no slope: nothing moves
	}
	var before []float32
	if p.due(o.done) {
		for _, q := range o.group.Params {
			before = append(before, q.Grad.Data()...)
		}
	}
	o.group.Opt.SetRate(rate)
	o.group.Step()
	if before == nil || !(norm > 0) {
		return nil
	}
	t := o.criterion.(*Transport[float32])
	x := o.model.net.Forward(o.z.Tensor).Data()
	for _, term := range t.active {
		size := o.cfg.Batch * o.model.dim
		at := func(k int, points []float32) []float32 {
			if k < cloudY {
				return x[k*size : (k+1)*size]
			}
			return points
		}
		if err := t.form(term, at(term.from, term.x), at(term.to, term.y), o.cfg.Batch, o.model.dim); err != nil {
			return err
		}
	}
	if err := t.pull(o.cfg.Batch, o.model.dim, o.dx.Host, nil); err != nil {
		return err
	}
	o.group.ZeroGrad()
	o.model.net.Backward(o.dx.Tensor, nn.WantParams)
	var change float64
	for _, q := range o.group.Params {
		for i, v := range q.Grad.Data() {
			change += float64(v-before[i]) * float64(v-before[i])
		}
		before = before[q.Grad.Size():]
	}
	if l1 := math.Sqrt(change) / (rate * norm); !math.IsInf(l1, 0) {
		p.l1 = max(p.l1, l1)
	}
	return nil
}
