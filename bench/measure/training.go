package measure

import (
	"context"
	"fmt"
	"math"

	"github.com/sinkcpu/sinkcpu/generative"
	"github.com/sinkcpu/sinkcpu/internal/random"
	"github.com/sinkcpu/sinkcpu/kernels"
	"github.com/sinkcpu/sinkcpu/nn"
)

// The shape of a training step on images of digits.
const (
	batch = 200
	dim   = 784
)

// losses measures the debiased loss with its gradient, all three terms.
func (s *Session) losses(ctx context.Context, l *Limits) error {
	x, y := make([]float32, batch*dim), make([]float32, batch*dim)
	random.Uniform(random.New(1, "x"), x, 0, 1)
	random.Uniform(random.New(1, "y"), y, 0, 1)
	for _, steps := range []int{100, 10} {
		for _, threads := range s.Threads {
			loss, err := newLoss[float32](steps, s.pools[threads])
			if err != nil {
				return err
			}
			grad := make([]float32, len(x))
			var failed error
			run := func() {
				if _, err := loss.Eval(ctx, x, y, batch, dim, grad, nil, true); err != nil {
					failed = err
				}
			}
			_, err = s.measure(ctx, job{name: "loss", params: on(kernels.Active(), threads, "batch", itoa(batch), "d", itoa(dim), "L", itoa(steps), "precision", "f32"),
				unit: "ms", check: func() error { return checkLoss(ctx, steps, x, y, s.pools[threads]) }, run: run,
				limit: 1e3 * l.lossTime(threads, steps, 3), by: "operations", note: "with its gradient", on: threads})
			if err := first(err, failed); err != nil {
				return err
			}
		}
	}
	return nil
}

// newLoss returns the debiased loss of squared distances at eps = 1.
func newLoss[T kernels.Float](steps int, runner kernels.Runner) (*generative.Transport[T], error) {
	return generative.NewTransport[T](generative.TransportConfig{Loss: "sinkhorn", Self: "same", Cost: "sqeuclidean", Eps: 1, Steps: steps, Runner: runner})
}

func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// checkLoss holds the loss in float32 and its gradient to those in float64, for few steps.
func checkLoss(ctx context.Context, steps int, x, y []float32, runner kernels.Runner) error {
	steps = min(steps, 10)
	narrow, err := newLoss[float32](steps, runner)
	if err != nil {
		return err
	}
	wide, err := newLoss[float64](steps, runner)
	if err != nil {
		return err
	}
	gotGrad, wantGrad := make([]float32, len(x)), make([]float64, len(x))
	got, err := narrow.Eval(ctx, x, y, batch, dim, gotGrad, nil, true)
	if err != nil {
		return err
	}
	want, err := wide.Eval(ctx, widen(x), widen(y), batch, dim, wantGrad, nil, true)
	if err != nil {
		return err
	}
	var largest, worst float64
	for i, g := range wantGrad {
		largest, worst = max(largest, math.Abs(g)), max(worst, math.Abs(g-float64(gotGrad[i])))
	}
	// The tolerances of the library: of each of the terms, and of gradients below a hundredth of the mean cost.
	return first(differs("the loss", got[0].Value, want[0].Value, 4*2e-5*want[1].Value), differs("the error of the gradient", worst, 0, 1e-2*largest))
}

func widen(x []float32) []float64 {
	w := make([]float64, len(x))
	for i, v := range x {
		w[i] = float64(v)
	}
	return w
}

// lossTime returns the least time in seconds of a loss with its gradient, were all of it multiplications at their peak: in each of the terms two
// products of a vector with the kernel a step, two more back in the two that have a gradient and a product of rank 2 a step for the cost's
// derivative, and the products that make the costs (one a term) and take them back to the points (two).
func (l *Limits) lossTime(threads, steps, terms int) float64 {
	entries := float64(steps) * batch * batch
	product := 2. * batch * batch * dim
	return (entries*(4*float64(terms)+2*(4+4)) + product*float64(terms+2)) / l.Flops(kernels.Active(), threads)
}

// hidden are the layers of the generator that training steps are measured with.
var hidden = []int{500, 500}

// trainingSteps measures whole steps: noise, generator, loss, backward, Adam.
func (s *Session) trainingSteps(ctx context.Context, l *Limits) error {
	const steps = 10
	for _, threads := range s.Threads {
		ops := nn.NewCPU[float32](s.pools[threads])
		model, err := generative.NewMLPModel(ops, nn.MLP{Sizes: append(append([]int{2}, hidden...), dim), Hidden: "relu", Output: "sigmoid"}, "uniform", 1)
		if err != nil {
			return err
		}
		loss, err := newLoss[float32](steps, s.pools[threads])
		if err != nil {
			return err
		}
		o, err := generative.NewFit(ops, model, loss, generative.FitConfig{Batch: batch, Rate: 1e-3, Seed: 1, Runner: s.pools[threads]})
		if err != nil {
			return err
		}
		data := newRepeated()
		var failed error
		run := func() {
			if _, err := o.Step(ctx, data, false); err != nil {
				failed = err
			}
		}
		_, err = s.measure(ctx, job{name: "training-step", params: on(kernels.Active(), threads, "batch", itoa(batch), "d", itoa(dim), "L", itoa(steps), "precision", "f32"),
			unit: "ms", check: func() error { return checkStep(ctx, o, data) }, run: run, limit: 1e3 * l.stepTime(threads, steps), by: "operations", note: "2->500->500->784, Adam", on: threads})
		if err := first(err, failed); err != nil {
			return err
		}
	}
	return nil
}

// stepTime returns the least time in seconds of a training step: the loss, and the products of the generator, forward and for the gradients
// of its weights and, above the first layer, of its inputs.
func (l *Limits) stepTime(threads, steps int) float64 {
	sizes := append(append([]int{2}, hidden...), dim)
	var flops float64
	for i := 1; i < len(sizes); i++ {
		products := 3.
		if i == 1 {
			products = 2
		}
		flops += products * 2 * batch * float64(sizes[i-1]*sizes[i])
	}
	return l.lossTime(threads, steps, 2) + flops/l.Flops(kernels.Active(), threads)
}

// checkStep asks for the loss to fall over some steps on data that stays the same.
func checkStep(ctx context.Context, o *generative.Fit, data generative.Batches) error {
	var before, after float64
	const steps = 20
	for k := range steps {
		m, err := o.Step(ctx, data, k == 0 || k == steps-1)
		if err != nil {
			return err
		}
		if k == 0 {
			before = m[0].Value
		} else if k == steps-1 {
			after = m[0].Value
		}
	}
	if !(after < before) || math.IsInf(after, 0) {
		return fmt.Errorf("the loss went from %g to %g in %d steps", before, after, steps)
	}
	return nil
}

// repeated is a source that gives the same batch again and again.
type repeated struct{ x []float32 }

func newRepeated() *repeated {
	d := &repeated{make([]float32, batch*dim)}
	random.Uniform(random.New(1, "data"), d.x, 0, 1)
	return d
}

func (d *repeated) Next(dst []float32, rows int) { copy(dst[:rows*dim], d.x) }
