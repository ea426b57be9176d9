package train

import (
	"slices"

	"github.com/sinkcpu/sinkcpu/evaluate"
	"github.com/sinkcpu/sinkcpu/generative"
	"github.com/sinkcpu/sinkcpu/kernels"
)

// A frechet measures a model in the features of digits, on the rows of the held-out measure.
//
//	Frechet distance between the laws of the features of X and X' together, and of Y and Y' together
type frechet struct {
	h    *heldOut
	pool kernels.Runner
	net  *evaluate.Network
	real []*evaluate.Gaussian // of each draw
}

// newFrechet returns nil where the rows are not what the network reads.
func newFrechet(h *heldOut, pool kernels.Runner) (*frechet, error) {
	net, err := digitsFor(h.test, pool)
	if err != nil || net == nil {
		return nil, err
	}
	f := &frechet{h: h, pool: pool, net: net}
	for _, sets := range h.real {
		law, err := f.law(sets[0], sets[1])
		if err != nil {
			return nil, err
		}
		f.real = append(f.real, law)
	}
	return f, nil
}

// law returns the normal law of the features of two sets of rows together.
func (f *frechet) law(x, x2 []float32) (*evaluate.Gaussian, error) {
	rows := (len(x) + len(x2)) / f.net.Dim()
	features, logits := make([]float32, rows*f.net.FeatureDim()), make([]float32, rows*f.net.Classes())
	if err := f.net.Read(features, logits, slices.Concat(x, x2), rows); err != nil {
		return nil, err
	}
	return evaluate.FitGaussian(f.pool, features, rows, f.net.FeatureDim())
}

// model measures the samples that the held-out measure takes.
func (f *frechet) model(obj generative.Generator) (Score, error) {
	var values []float64
	draw := f.h.fromModel(obj)
	for k, real := range f.real {
		x, x2, err := draw(uint64(k))
		if err != nil {
			return Score{}, err
		}
		law, err := f.law(x, x2)
		if err != nil {
			return Score{}, err
		}
		v, err := evaluate.Frechet(law, real)
		if err != nil {
			return Score{}, err
		}
		values = append(values, v)
	}
	return scoreOf(values), nil
}
