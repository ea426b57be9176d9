package nn

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/sinkcpu/sinkcpu/kernels"
)

// Sequential is layers one after the other. The parameters of layer i are named "i.name", as PyTorch names them.
type Sequential[T kernels.Float] struct {
	layers  []Layer[T]
	parts   []Part[T]
	params  []*Param[T]
	trained int    // the first layer that has parameters
	pairs   []pair // of each layer
	planned []int  // the shape of an input, without the batch, that the layouts are for
	last    []bool // whether the channels of the output of each layer are last
}

// A pair says whether a layer and the next are a layer and its activation that can be one operation.
type pair struct{ fits, active bool } // active: in the last Forward

// NewSequential returns the composition of the layers, the first applied first. It panics when a layer is in two places, or shares a
// parameter with another and is not [Tied]. See [BuildSequential] for a check of the shapes.
func NewSequential[T kernels.Float](layers ...Layer[T]) *Sequential[T] {
	s := &Sequential[T]{layers: layers, trained: len(layers)}
	for i, l := range layers {
		if hasParams(l) && s.trained > i {
			s.trained = i
		}
		s.parts = append(s.parts, Part[T]{strconv.Itoa(i), l})
		s.params = append(s.params, Prefixed(strconv.Itoa(i), l.Params())...)
	}
	if err := checkParts(s.parts); err != nil {
		panic("nn: Sequential: " + err.Error())
	}
	s.pairs = make([]pair, len(layers))
	for i := range layers[:max(0, len(layers)-1)] {
		_, first := layers[i].(activatedLayer[T])
		_, _, second := leaky(layers[i+1])
		s.pairs[i].fits = first && second
	}
	return s
}

// BuildSequential returns the composition of the layers for a batch of inputs of that shape, without the batch, or which layer it does
// not fit.
func BuildSequential[T kernels.Float](in []int, layers ...Layer[T]) (*Sequential[T], error) {
	s := NewSequential(layers...)
	if _, err := s.OutputShape(append([]int{1}, in...)); err != nil {
		return nil, err
	}
	return s, nil
}

// Parts returns the layers under their numbers.
func (s *Sequential[T]) Parts() []Part[T] { return s.parts }

// Layers returns the layers. The caller must not change the slice.
func (s *Sequential[T]) Layers() []Layer[T] { return s.layers }

// Forward applies the layers in order.
func (s *Sequential[T]) Forward(x *Tensor[T]) *Tensor[T] {
	s.plan(x.shape)
	for i := 0; i < len(s.layers); i++ {
		s.lay(i, true)
		y, pair := s.forwardPair(i, x)
		if !pair {
			y = s.layers[i].Forward(x)
		}
		s.lay(i, false)
		if x = y; pair {
			i++
		}
	}
	return x
}

// forwardPair applies layer i and its activation, or returns false.
func (s *Sequential[T]) forwardPair(i int, x *Tensor[T]) (y *Tensor[T], ok bool) {
	p := &s.pairs[i]
	p.active = false
	if !p.fits {
		return nil, false
	}
	slope, out, _ := leaky(s.layers[i+1])
	y, p.active = s.layers[i].(activatedLayer[T]).forwardActivated(x, slope)
	if p.active {
		*out = y
	}
	return y, p.active
}

// backwardPair undoes layer i and its activation, or returns false.
func (s *Sequential[T]) backwardPair(i int, dy *Tensor[T], want Want) (dx *Tensor[T], ok bool) {
	if i < 0 || !s.pairs[i].active {
		return nil, false
	}
	slope, _, _ := leaky(s.layers[i+1])
	return s.layers[i].(activatedLayer[T]).backwardActivated(dy, slope, want)
}

// Backward applies the backward passes in reverse order, down to the lowest layer that what is wanted depends on.
func (s *Sequential[T]) Backward(dy *Tensor[T], want Want) *Tensor[T] {
	lowest := 0
	if want&WantInput == 0 {
		lowest = s.trained
	}
	for i := len(s.layers) - 1; i >= lowest; i-- {
		of := func(i int) Want {
			if i > lowest {
				return want | WantInput
			}
			return want
		}
		if i > lowest {
			if dx, ok := s.backwardPair(i-1, dy, of(i-1)); ok {
				dy = dx
				i--
				continue
			}
		}
		dy = s.layers[i].Backward(dy, of(i))
	}
	if want&WantInput == 0 {
		return nil
	}
	return dy
}

// Params returns the parameters of all layers.
func (s *Sequential[T]) Params() []*Param[T] { return s.params }

// OutputShape carries a shape through the layers. The error says which layer it does not fit.
func (s *Sequential[T]) OutputShape(in []int) ([]int, error) {
	for i, l := range s.layers {
		out, err := l.OutputShape(in)
		if err != nil {
			return nil, fmt.Errorf("layer %d: %w", i, err)
		}
		in = out
	}
	return in, nil
}

// Share returns a network with the same parameters and its own activations.
func (s *Sequential[T]) Share() Layer[T] {
	layers := make([]Layer[T], len(s.layers))
	for i, l := range s.layers {
		layers[i] = l.Share()
	}
	return NewSequential(layers...)
}

// String returns the layers, separated by commas.
func (s *Sequential[T]) String() string {
	names := make([]string, len(s.layers))
	for i, l := range s.layers {
		names[i] = l.String()
	}
	return "Sequential(" + strings.Join(names, ", ") + ")"
}
