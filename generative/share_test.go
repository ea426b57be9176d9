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
)

// A batch divided among ranks is learned from as one: the losses are those of one process, and every rank has the same parameters.
func TestDividedBatchIsOneBatch(t *testing.T) {
	s := config()
	s.fit.Batch = 50 // no multiple of three
	testDivided(t, 25, 1e-4, func(run *parallel.Pool) (*generative.Fit, error) {
		own := s
		own.fit.Runner = run
		return own.build()
	})
}

// Batch normalisation over the rows of all ranks.
func TestDividedDCGAN(t *testing.T) {
	s := config()
	testDivided(t, 8, 1e-3, func(run *parallel.Pool) (*generative.Fit, error) {
		ops := nn.NewCPU[float32](run)
		model, err := generative.NewDCGANModel(ops, 2, []int{4, 3}, generative.ImageShape{Channels: 1, Height: 4, Width: 4}, "normal", 1)
		if err != nil {
			return nil, err
		}
		c, err := generative.NewTransport[float32](s.loss)
		if err != nil {
			return nil, err
		}
		return generative.NewFit(ops, model, c, generative.FitConfig{Batch: 20, Rate: .001, Runner: run})
	})
}

// testDivided trains for some steps on one to three ranks, and compares losses to tol of the first.
func testDivided(t *testing.T, steps int, tol float64, build func(run *parallel.Pool) (*generative.Fit, error)) {
	t.Helper()
	train := func(o *generative.Fit) (losses []float64, err error) {
		data := gaussian{random.New(3, "data")}
		for range steps {
			m, err := o.Step(context.Background(), data, true)
			if err != nil {
				return nil, err
			}
			losses = append(losses, m[0].Value)
		}
		return losses, nil
	}
	weights := func(o *generative.Fit) (w []float32) {
		for _, p := range o.Groups()[0].Params {
			w = append(w, p.Value.Data()...)
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
	for _, size := range []int{2, 3} {
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
