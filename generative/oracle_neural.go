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

// neuralDual is a dual whose potentials are networks phi and psi on the points, times 25 lambda. Each solve takes n_d steps of Adam on
//
//	full    -(mean_i phi(x_i) + mean_j psi(y_j) - mean_ij conjugate(phi(x_i) + psi(y_j) + t - c_ij) + t)
//	semi    -(mean_i psi^c(x_i) + mean_j psi(y_j))
//
// with the constant t that maximises the dual, so that the plan has mass 1 throughout and its entries cannot overflow, or with psi alone and
// the c-transform of it on the batch, which is the f that maximises the dual. What it answers with
// is psi after a half-step on the batch, f the c-transform of psi: the rows of the plan are exact, and its gap, from the plan rounded, is a
// certificate for the batch at hand. That is worked out where a step reports.
type neuralDual struct {
	phi, psi nn.Layer[float32] // phi is nil under semi
	group    *nn.Group[float32]
	steps    int
	v        []float32 // densities, n x m; under semi -c/lambda
	row, sum []float32 // of semi
}

// potentialScale is what an output of 1 means, over the lambda of the end.
const potentialScale = 25

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
			if side == 0 && oc.Dual == "semi" {
				continue
			}
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

// solve takes the steps of ascent, at potentials of which 1 means scale, and returns those that they lead to.
func (d *neuralDual) solve(q *oracle.Problem, x, y []float32, dim int, scale, wanted float64, report bool) (*oracle.Answer, error) {
	X, Y := nn.TensorOf(x, q.N, dim), nn.TensorOf(y, q.M, dim)
	if d.phi == nil {
		d.ascendSemi(q, Y, scale)
	} else {
		d.ascendFull(q, X, Y, scale)
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

func (d *neuralDual) ascendFull(q *oracle.Problem, X, Y *nn.Tensor[float32], scale float64) {
	dphi, dpsi := nn.NewTensor[float32](q.N, 1), nn.NewTensor[float32](q.M, 1)
	for range d.steps {
		f, g := d.phi.Forward(X).Data(), d.psi.Forward(Y).Data()
		d.ascent(q, f, g, scale, dphi.Data(), dpsi.Data())
		d.group.ZeroGrad()
		d.phi.Backward(dphi, nn.WantParams)
		d.psi.Backward(dpsi, nn.WantParams)
		d.group.Step()
	}
}

func (d *neuralDual) ascendSemi(q *oracle.Problem, Y *nn.Tensor[float32], scale float64) {
	d.begin(q)
	dpsi := nn.NewTensor[float32](q.M, 1)
	for range d.steps {
		d.semiAscent(q, d.psi.Forward(Y).Data(), scale, dpsi.Data())
		d.group.ZeroGrad()
		d.psi.Backward(dpsi, nn.WantParams)
		d.group.Step()
	}
}

// begin readies the semi-dual for steps on one problem.
func (d *neuralDual) begin(q *oracle.Problem) {
	if len(d.v) != q.N*q.M {
		d.v = make([]float32, q.N*q.M)
	}
	if len(d.row) != q.M {
		d.row, d.sum = make([]float32, q.M), make([]float32, q.M)
	}
	for k, c := range q.C {
		d.v[k] = float32(-c / q.Lambda)
	}
}

// semiAscent sets dg to the derivative, by the outputs g of psi, of what the steps under semi descend on: by how much the columns of the
// plan of psi and its c-transform are too heavy.
//
//	scale (sum_i P_ij - b_j)          a_i and b_j uniform
func (d *neuralDual) semiAscent(q *oracle.Problem, g []float32, scale float64, dg []float32) {
	n, m := q.N, q.M
	clear(d.sum)
	if q.Reg == oracle.KL {
		for lo := 0; lo < len(d.v); lo += m {
			copy(d.row, d.v[lo:lo+m])
			kernels.Axpy(d.row, float32(scale/q.Lambda), g)
			kernels.Softmax(d.row, d.row)
			kernels.Axpy(d.sum, 1/float32(n), d.row)
		}
	} else {
		wide, f, plan := make([]float64, m), make([]float64, n), make([]float64, n*m)
		for j, v := range g {
			wide[j] = scale * float64(v)
		}
		q.UpdateRows(f, wide)
		q.Plan(plan, f, wide)
		for k, p := range plan {
			d.sum[k%m] += float32(p)
		}
	}
	for j, v := range d.sum {
		dg[j] = float32(scale) * (v - 1/float32(m))
	}
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
