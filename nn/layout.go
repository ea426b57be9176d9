package nn

import (
	"slices"

	"github.com/sinkcpu/sinkcpu/kernels"
)

// Between the convolutions of a [Sequential] images may lie with their channels last. The transforms of Winograd's algorithm and batch
// normalisation then read pixels of many channels, where planes of 7 x 7 are too short to be fast and would be transposed twice.

// A layoutLayer is a convolution, which can read and write images whose channels are last.
type layoutLayer[T kernels.Float] interface {
	Layer[T]
	// channelsLast tells whether that is faster for the input, of that shape, and for the output.
	channelsLast(in []int) (input, output bool)
	// giveChannelsLast sets the layout of the outputs from now on.
	giveChannelsLast(last bool)
}

// keepsLayout tells whether a layer works on each element, or on channels in either layout, and gives the layout that it is given.
func keepsLayout[T kernels.Float](l Layer[T]) bool {
	switch l.(type) {
	case *BatchNorm[T], *ReLU[T], *LeakyReLU[T], *ELU[T], *GELU[T], *SiLU[T], *Tanh[T], *Sigmoid[T], *Softplus[T]:
		return true
	}
	return false
}

// plan chooses the layouts of what lies between the layers for inputs of that shape: channels are last from one convolution to the next
// where both are faster so, and the layers between keep it.
func (s *Sequential[T]) plan(in []int) {
	if slices.Equal(s.planned, in[1:]) && s.last != nil {
		return
	}
	s.planned, s.last = append(s.planned[:0], in[1:]...), make([]bool, len(s.layers))
	from := -1 // the convolution whose output may be channels last
	for i, l := range s.layers {
		out, err := l.OutputShape(in)
		if err != nil {
			return // Forward will say what is wrong
		}
		if c, ok := l.(layoutLayer[T]); ok {
			input, output := c.channelsLast(in)
			for k := from; from >= 0 && input && k < i; k++ {
				s.last[k] = true
			}
			if from = -1; output {
				from = i
			}
		} else if !keepsLayout(l) {
			from = -1
		}
		in = out
	}
}

// lay tells layer i which layout its output has, for one pass.
func (s *Sequential[T]) lay(i int, last bool) {
	if c, ok := s.layers[i].(layoutLayer[T]); ok && s.last[i] {
		c.giveChannelsLast(last)
	}
}

// ConvChannelsLast tells whether the convolution is faster where the channels of either image are last.
func (c *CPU[T]) ConvChannelsLast(g ConvGeometry, large, small, weight []int) (largeLast, smallLast bool) {
	z := sizesOf(g, large, small, weight)
	_, winograd := z.winograd()
	return winograd || z.single, !z.single
}
