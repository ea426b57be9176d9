// Package ottest gives tests problems of optimal transport whose answers are known.
package ottest

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A Reference is one file of reference values. Points and gradients are row-major, N x D and M x D.
type Reference struct {
	Name    string
	N, M, D int
	X, Y    []float64
	A, B    []float64
	Cost    string
	Special string
	Eps     float64

	MeanCost    float64
	Balanced    *Balanced
	OTaa, OTbb  float64
	Divergence  float64
	DivergenceX []float64
	Unrolled    map[int]*Unrolled
	Unbalanced  map[float64]*Unbalanced // by rho
	Quadratic   map[string]*Quadratic   // "plain" and "relative"
}

// Quadratic is the solution with the norm-2 regulariser of weight Gamma.
type Quadratic struct {
	Gamma, Value, PrimalCost float64
	NonZeros                 int
	GradX                    []float64
}

// Unbalanced is the solution with KL penalties of weight rho on both sides.
type Unbalanced struct {
	F, G              []float64
	Value, PrimalCost float64
	Mass              float64
	OTaa, OTbb        float64
	Divergence        float64
	GradX             []float64
	DivergenceX       []float64
}

// Balanced is the solution of the balanced problem.
type Balanced struct {
	F, G         []float64
	Dual         float64
	PrimalCost   float64
	GradX        []float64
	Conditioned  bool // the potentials are unique up to one constant
	OneMinusRate float64
}

// Unrolled is the state after exactly L steps.
type Unrolled struct {
	F, G                          []float64
	Sharp, Dual                   float64
	SharpX, DualX                 []float64
	SharpDebiased, DualDebiased   float64
	SharpDebiasedX, DualDebiasedX []float64
}

// Scale returns how many units of the cost an absolute tolerance of 1 means: max(1, mean cost).
func (r *Reference) Scale() float64 { return max(1, r.MeanCost) }

// Ground returns the name of the cost as the commands have it.
func (r *Reference) Ground() string {
	if r.Cost == "half_sqeuclidean" {
		return "halfsqeuclidean"
	}
	return r.Cost
}

// CostFactor returns s in C = s |x-y|^2, and 0 for other costs.
func (r *Reference) CostFactor() float64 {
	return map[string]float64{"sqeuclidean": 1, "half_sqeuclidean": .5}[r.Cost]
}

// file is the form of the files.
type file struct {
	Cost, Special string
	X, Y          [][]float64
	A, B          []float64
	Eps           float64
	MeanCost      float64 `json:"mean_cost"`
	Balanced      *struct {
		F, G         []float64
		Dual         float64
		PrimalCost   float64     `json:"primal_cost"`
		GradX        [][]float64 `json:"grad_x"`
		Conditioned  bool        `json:"potentials_well_conditioned"`
		OneMinusRate float64     `json:"one_minus_sigma2"`
	}
	Self struct {
		OTaa float64 `json:"ot_aa"`
		OTbb float64 `json:"ot_bb"`
	}
	Divergence struct {
		Value float64
		GradX [][]float64 `json:"grad_x"`
	}
	Quadratic map[string]struct {
		Gamma, Value float64
		PrimalCost   float64 `json:"primal_cost"`
		NonZeros     int
		GradX        [][]float64 `json:"grad_x"`
	}
	Unbalanced map[string]struct {
		F, G        []float64
		Value       float64
		PrimalCost  float64 `json:"primal_cost"`
		Mass        float64
		OTaa        float64 `json:"ot_aa"`
		OTbb        float64 `json:"ot_bb"`
		Divergence  float64
		GradX       [][]float64 `json:"grad_x"`
		DivergenceX [][]float64 `json:"grad_divergence_x"`
	}
	Unrolled map[string]struct {
		F, G           []float64
		Sharp, Dual    float64
		SharpX         [][]float64 `json:"grad_sharp_x"`
		DualX          [][]float64 `json:"grad_dual_x"`
		SharpDebiased  float64     `json:"sharp_debiased"`
		DualDebiased   float64     `json:"dual_debiased"`
		SharpDebiasedX [][]float64 `json:"grad_sharp_debiased_x"`
		DualDebiasedX  [][]float64 `json:"grad_dual_debiased_x"`
	}
}

// References returns the reference files of a folder, and skips the test where there is none.
func References(t testing.TB, dir string) []*Reference {
	t.Helper()
	paths, _ := filepath.Glob(filepath.Join(dir, "*.json"))
	if len(paths) == 0 {
		t.Skipf("no reference values in %s", dir)
	}
	var refs []*Reference
	for _, path := range paths {
		raw, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var f file
		if err := json.Unmarshal(raw, &f); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		refs = append(refs, f.reference(strings.TrimSuffix(filepath.Base(path), ".json")))
	}
	return refs
}

func (f *file) reference(name string) *Reference {
	r := &Reference{
		Name: name, N: len(f.X), M: len(f.Y), D: len(f.X[0]), X: flat(f.X), Y: flat(f.Y), A: f.A, B: f.B,
		Cost: f.Cost, Special: f.Special, Eps: f.Eps, MeanCost: f.MeanCost,
		OTaa: f.Self.OTaa, OTbb: f.Self.OTbb, Divergence: f.Divergence.Value, DivergenceX: flat(f.Divergence.GradX),
		Unrolled: map[int]*Unrolled{}, Unbalanced: map[float64]*Unbalanced{}, Quadratic: map[string]*Quadratic{},
	}
	for name, q := range f.Quadratic {
		r.Quadratic[name] = &Quadratic{q.Gamma, q.Value, q.PrimalCost, q.NonZeros, flat(q.GradX)}
	}
	for name, rho := range map[string]float64{"0.1": .1, "1": 1} {
		if u, ok := f.Unbalanced[name]; ok {
			r.Unbalanced[rho] = &Unbalanced{u.F, u.G, u.Value, u.PrimalCost, u.Mass, u.OTaa, u.OTbb, u.Divergence, flat(u.GradX), flat(u.DivergenceX)}
		}
	}
	if b := f.Balanced; b != nil {
		r.Balanced = &Balanced{b.F, b.G, b.Dual, b.PrimalCost, flat(b.GradX), b.Conditioned, b.OneMinusRate}
	}
	for steps, l := range map[string]int{"5": 5, "20": 20} {
		if u, ok := f.Unrolled[steps]; ok {
			r.Unrolled[l] = &Unrolled{
				F: u.F, G: u.G, Sharp: u.Sharp, Dual: u.Dual, SharpX: flat(u.SharpX), DualX: flat(u.DualX),
				SharpDebiased: u.SharpDebiased, DualDebiased: u.DualDebiased,
				SharpDebiasedX: flat(u.SharpDebiasedX), DualDebiasedX: flat(u.DualDebiasedX),
			}
		}
	}
	return r
}

func flat(rows [][]float64) []float64 {
	var x []float64
	for _, r := range rows {
		x = append(x, r...)
	}
	return x
}
