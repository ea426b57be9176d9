package generative_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/sinkcpu/sinkcpu/generative"
	"github.com/sinkcpu/sinkcpu/internal/parallel"
	"github.com/sinkcpu/sinkcpu/internal/random"
	"github.com/sinkcpu/sinkcpu/nn"
	"github.com/sinkcpu/sinkcpu/ranks"
	"github.com/sinkcpu/sinkcpu/sinkhorn"
)

// A batch divided among ranks is learned from as one, whatever it is compared by: the losses are those of one process, and every rank has the
// same parameters.
func TestDividedBatchIsOneBatch(t *testing.T) {
	same := config().loss
	for name, change := range map[string]func(c *generative.TransportConfig){
		"the default":    func(*generative.TransportConfig) {},
		"two clouds":     func(c *generative.TransportConfig) { c.Self = "independent" },
		"of the mean":    func(c *generative.TransportConfig) { c.OfMean, c.Cost = true, "euclidean" },
		"entropic":       func(c *generative.TransportConfig) { c.Value, c.Loss, c.Cost = sinkhorn.Entropic, "divergence", "l1" },
		"with a reach":   func(c *generative.TransportConfig) { c.Value, c.Reach = sinkhorn.Entropic, 2 },
		"at convergence": func(c *generative.TransportConfig) { c.Gradient, c.Tol, c.Steps = "envelope", 1e-3, 2000 },
		"implicit, sharp": func(c *generative.TransportConfig) {
			c.Gradient, c.Tol, c.Steps, c.Eps = "implicit", 1e-4, 2000, .5
		},
		"exact": func(c *generative.TransportConfig) { c.Exact = true },
	} {
		t.Run(name, func(t *testing.T) {
			loss := same
			change(&loss)
			testDivided(t, 2, 12, 1e-4, func(run *parallel.Pool) (divided, error) {
				s := config()
				s.fit.Batch, s.fit.Runner, s.loss = 50, run, loss // no multiple of three
				s.loss.Runner = run
				return s.build()
			})
		})
	}
}

// dcgan returns a small generator of images by the debiased loss.
func dcgan(run *parallel.Pool, loss generative.TransportConfig) (*generative.Fit, error) {
	ops := nn.NewCPU[float32](run)
	model, err := generative.NewDCGANModel(ops, 2, []int{4, 3}, generative.ImageShape{Channels: 1, Height: 4, Width: 4}, "normal", 1)
	if err != nil {
		return nil, err
	}
	loss.Runner = run
	c, err := generative.NewTransport[float32](loss)
	if err != nil {
		return nil, err
	}
	return generative.NewFit(ops, model, c, generative.FitConfig{Batch: 20, Rate: .001, Runner: run})
}

// Batch normalisation over the rows of all ranks.
func TestDividedDCGAN(t *testing.T) {
	testDivided(t, 16, 8, 1e-3, func(run *parallel.Pool) (divided, error) { return dcgan(run, config().loss) })
}

// A learned cost, with its decoder, which normalises, and its penalty, whose draws go row by row.
func TestDividedCritic(t *testing.T) {
	loss := config().loss
	loss.Self, loss.OfMean, loss.Cost = "independent", true, "euclidean"
	for name, change := range map[string]func(ops nn.Ops[float32], c *generative.CriticConfig) error{
		"clipped":        func(_ nn.Ops[float32], c *generative.CriticConfig) error { c.Clip = .05; return nil },
		"with a penalty": func(_ nn.Ops[float32], c *generative.CriticConfig) error { c.Penalty = 1; return nil },
		"with a decoder": func(ops nn.Ops[float32], c *generative.CriticConfig) (err error) {
			c.Reconstruction = .1
			c.Decoder, err = generative.NewDCGANDecoder(ops, 5, []int{4}, generative.ImageShape{Channels: 1, Height: 4, Width: 4}, random.New(2, "decoder"))
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			testDivided(t, 16, 6, 1e-3, func(run *parallel.Pool) (divided, error) {
				fit, err := dcgan(run, loss)
				if err != nil {
					return nil, err
				}
				ops := nn.NewCPU[float32](run)
				features, err := generative.NewDCGANFeatures(ops, []int{4}, 5, generative.ImageShape{Channels: 1, Height: 4, Width: 4}, 1)
				if err != nil {
					return nil, err
				}
				c := generative.CriticConfig{Steps: 2, GeneratorSteps: 1, Rate: .001}
				if err := change(ops, &c); err != nil {
					return nil, err
				}
				return generative.NewAdversarial(fit, generative.SpectralNormalised(ops, features, random.New(3, "spectral norm")), c)
			})
		})
	}
}

// normalRows are rows of independent normal numbers.
type normalRows struct {
	noise *random.Stream
	dim   int
}

func (n normalRows) Next(dst []float32, rows int) { random.Normal(n.noise, dst[:rows*n.dim], .5, .5) }

// divided is what ranks can train.
type divided interface {
	generative.Objective
	Divide(c *ranks.Comm) error
}

// testDivided trains on rows of dim numbers for some steps on one to four ranks, and compares losses to tol of the first.
func testDivided(t *testing.T, dim, steps int, tol float64, build func(run *parallel.Pool) (divided, error)) {
	t.Helper()
	train := func(o divided) (losses []float64, err error) {
		data := normalRows{random.New(3, "data"), dim}
		for range steps {
			m, err := o.Step(context.Background(), data, true)
			if err != nil {
				return nil, err
			}
			losses = append(losses, m[0].Value)
		}
		return losses, nil
	}
	weights := func(o divided) (w []float32) {
		for _, g := range o.Groups() {
			for _, p := range g.Params {
				w = append(w, p.Value.Data()...)
			}
		}
		return w
	}
	whole, err := build(parallel.New(1))
	if err != nil {
		t.Fatal(err)
	}
	want, err := train(whole)
	if err != nil {
		t.Fatal(err)
	}
	for _, size := range []int{2, 3, 4} {
		comms, err := ranks.Local(size)
		if err != nil {
			t.Fatal(err)
		}
		errs, got := make([]error, size), make([][]float32, size)
		var all sync.WaitGroup
		for r, c := range comms {
			all.Go(func() {
				errs[r] = func() error {
					o, err := build(parallel.New(1))
					if err != nil {
						return err
					}
					if err := o.Divide(c); err != nil {
						return err
					}
					losses, err := train(o)
					if err != nil {
						return err
					}
					for k, l := range losses {
						if !(math.Abs(l-want[k]) <= tol*math.Abs(want[0])) {
							return fmt.Errorf("rank %d of %d: loss %g at step %d, one process has %g", r, size, l, k, want[k])
						}
					}
					got[r] = weights(o)
					return nil
				}()
				errs[r] = errors.Join(errs[r], c.Close())
			})
		}
		all.Wait()
		if err := errors.Join(errs...); err != nil {
			t.Fatal(err)
		}
		for r := range got {
			if !slices.Equal(got[r], got[0]) {
				t.Errorf("ranks 0 and %d of %d have different parameters", r, size)
			}
		}
	}
}

func TestWhatCannotBeDivided(t *testing.T) {
	comms, err := ranks.Local(2)
	if err != nil {
		t.Fatal(err)
	}
	s := config()
	s.fit.Batch = 1
	small, err := s.build()
	if err != nil {
		t.Fatal(err)
	}
	if err := small.Divide(comms[0]); err == nil || !strings.Contains(err.Error(), "2 ranks") {
		t.Errorf("a batch of one row for two ranks: %v", err)
	}
}
