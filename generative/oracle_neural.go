package generative

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/sinkcpu/sinkcpu/internal/random"
	"github.com/sinkcpu/sinkcpu/kernels"
	"github.com/sinkcpu/sinkcpu/nn"
	"github.com/sinkcpu/sinkcpu/sinkhorn/oracle"
)

// neuralDual is a dual whose potentials are networks phi and psi on the points, times 10 lambda. Each solve takes n_d steps of Adam on
//
//	-(mean_i phi(x_i) + mean_j psi(y_j) - mean_ij conjugate(phi(x_i) + psi(y_j) + t - c_ij) + t)
//
// with the constant t that maximises the dual, so that the plan has mass 1 throughout and its entries cannot overflow. What it answers with
// is psi after a half-step on the batch, f the c-transform of psi: the rows of the plan are exact, and its gap, from the plan rounded, is a
// certificate for the batch at hand. That is worked out where a step reports.
type neuralDual struct {
	phi, psi nn.Layer[float32]
	group    *nn.Group[float32]
	steps    int
	v        []float32 // densities, n x m
}

// potentialScale is what an output of 1 means, over lambda.
const potentialScale = 10

// kindOf names the laws that a term compares; terms that compare the same laws share their potentials.
func kindOf(from, to int) string {
	switch {
	case from >= cloudY:
		return "data"
	case to < cloudY:
		return "model"
	}
	return "cross"
}

func newNeuralDuals(cfg TransportConfig) (map[string]*neuralDual, error) {
	oc := cfg.Oracle
	if oc.Steps < 1 || oc.Dim < 1 || oc.Ops == nil {
		return nil, fmt.Errorf("generative: %d steps of potentials on points of dimension %d, want both positive, and the operations of their networks", oc.Steps, oc.Dim)
	}
	kinds := []string{"cross"}
	if cfg.Loss != "plain" {
		kinds = append(kinds, "data", "model")
	}
	duals := map[string]*neuralDual{}
	for k, kind := range kinds {
		d := &neuralDual{steps: oc.Steps}
		var params []*nn.Param[float32]
		for side, net := range []*nn.Layer[float32]{&d.phi, &d.psi} {
			sizes := append(append([]int{oc.Dim}, oc.Hidden...), 1)
			mlp, err := nn.NewMLP(oc.Ops, nn.MLP{Sizes: sizes, Hidden: "leaky_relu"},
				random.New(oc.Seed, "potentials", uint64(2*k+side)), nn.XavierUniform(1), nil)
			if err != nil {
				return nil, err
			}
			*net = mlp
			params = append(params, nn.Prefixed([]string{"phi", "psi"}[side], mlp.Params())...)
		}
		opt, err := newOptimizer(oc.Ops, "adam", oc.Rate)
		if err != nil {
			return nil, err
		}
		d.group = nn.NewGroup("potentials_"+kind, params, opt)
		duals[kind] = d
	}
	return duals, nil
}

// groups returns the parameters of the potentials.
func (p *oraclePlans[T]) groups() []*nn.Group[float32] {
	if p == nil {
		return nil
	}
	var groups []*nn.Group[float32]
	for _, kind := range slices.Sorted(maps.Keys(p.duals)) {
		groups = append(groups, p.duals[kind].group)
	}
	return groups
}

func (d *neuralDual) solve(q *oracle.Problem, x, y []float32, dim int, wanted float64, report bool) (*oracle.Answer, error) {
	X, Y := nn.TensorOf(x, q.N, dim), nn.TensorOf(y, q.M, dim)
	scale := potentialScale * q.Lambda
	dphi, dpsi := nn.NewTensor[float32](q.N, 1), nn.NewTensor[float32](q.M, 1)
	for range d.steps {
		f, g := d.phi.Forward(X).Data(), d.psi.Forward(Y).Data()
		d.ascent(q, f, g, scale, dphi.Data(), dpsi.Data())
		d.group.ZeroGrad()
		d.phi.Backward(dphi, nn.WantParams)
		d.psi.Backward(dpsi, nn.WantParams)
		d.group.Step()
	}
	a := &oracle.Answer{F: make([]float64, q.N), G: make([]float64, q.M), Plan: make([]float64, q.N*q.M), Iterations: d.steps, Reached: true}
	for j, v := range d.psi.Forward(Y).Data() {
		a.G[j] = scale * float64(v)
	}
	q.UpdateRows(a.F, a.G)
	q.Plan(a.Plan, a.F, a.G)
	a.Value = q.Dual(a.F, a.G)
	if a.Value-a.Value != 0 {
		return nil, errors.Join(ErrNotFinite, errors.New("generative: the potentials of the neural oracle diverge; try a smaller --critic-lr"))
	}
	if report {
		a.Gap = q.Gap(a.F, a.G)
		if a.Reached = a.Gap <= wanted; !a.Reached {
			a.Why = fmt.Sprintf("a dual gap of %.3g after %d steps of its potentials, where %.3g was wanted", a.Gap, d.steps, wanted)
		}
	}
	return a, nil
}

// ascent sets df and dg to the derivative, by the networks' outputs f and g, of what the steps descend on.
func (d *neuralDual) ascent(q *oracle.Problem, f, g []float32, scale float64, df, dg []float32) {
	n, m := q.N, q.M
	if len(d.v) != n*m {
		d.v = make([]float32, n*m)
	}
	top, mean := math.Inf(-1), 0.
	for i, u := range f {
		row := d.v[i*m : (i+1)*m]
		for j, c := range q.C[i*m : (i+1)*m] {
			row[j] = float32((scale*float64(u+g[j]) - c) / q.Lambda)
		}
		top = max(top, float64(kernels.Max(row)))
		mean += float64(kernels.Sum(row)) / float64(n*m)
	}
	if q.Reg == oracle.KL {
		d.each(m, func(row []float32) {
			for j := range row {
				row[j] -= float32(top)
			}
			kernels.Exp(row, row)
		})
	} else {
		t := float32(d.shift(mean))
		d.each(m, func(row []float32) {
			for j, v := range row {
				row[j] = max(v+t, 0)
			}
		})
	}
	mass := 0.
	clear(dg)
	d.each(m, func(row []float32) { kernels.Axpy(dg, 1, row) })
	for i := range df {
		df[i] = kernels.Sum(d.v[i*m : (i+1)*m])
		mass += float64(df[i])
	}
	for i, v := range df {
		df[i] = float32(scale * (float64(v)/mass - 1/float64(n)))
	}
	for j, v := range dg {
		dg[j] = float32(scale * (float64(v)/mass - 1/float64(m)))
	}
}

// each shows visit the rows of v.
func (d *neuralDual) each(m int, visit func(row []float32)) {
	for lo := 0; lo < len(d.v); lo += m {
		visit(d.v[lo : lo+m])
	}
}

// shift returns the t with mean_ij max(v_ij + t, 0) = 1, by Newton's method from above, from where it falls to the root of this convex function.
func (d *neuralDual) shift(mean float64) float64 {
	t := 1 - mean
	for range 20 {
		var sum float64
		count := 0
		for _, v := range d.v {
			if u := float64(v) + t; u > 0 {
				sum += u
				count++
			}
		}
		step := (sum - float64(len(d.v))) / float64(max(count, 1))
		t -= step
		if step < 1e-6 {
			break
		}
	}
	return t
}
