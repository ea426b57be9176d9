package nn

import (
	"fmt"

	"github.com/sinkcpu/sinkcpu/kernels"
)

// Dropout sets each element to zero with probability P, in training:
//
//	y = x mask,   mask = 0 with probability P, else 1/(1-P)
//
// Otherwise y = x. Source: Srivastava et al. 2014.
type Dropout[T kernels.Float] struct {
	P float64 // in [0, 1)

	mask     *Tensor[T] // nil where the last Forward dropped nothing
	host     []T
	src      Stream
	training bool

	elementwise[T]
}

const dropoutMask = elementwiseDX + 1

// NewDropout returns the layer, in training mode. It draws from src, a stream of its own: a layer more then shifts no other draw. Its
// state is the buffer "stream". It panics unless p is in [0, 1).
func NewDropout[T kernels.Float](ops Ops[T], p float64, src Stream) *Dropout[T] {
	if !(p >= 0 && p < 1) {
		panic("nn: Dropout: probability outside [0, 1)")
	}
	return &Dropout[T]{P: p, src: src, training: true, elementwise: newElementwise(ops)}
}

// SetTraining sets the mode.
func (l *Dropout[T]) SetTraining(training bool) { l.training = training }

// Forward returns y of the shape of x. In training, each call draws a new mask.
func (l *Dropout[T]) Forward(x *Tensor[T]) *Tensor[T] {
	y := l.output(x)
	l.mask = nil
	if !l.training || l.P == 0 {
		l.ops.Copy(y, x)
		return y
	}
	l.mask = l.work.Like(dropoutMask, x)
	l.draw(x.size)
	l.ops.Upload(l.mask, l.host)
	l.ops.Mul(y, x, l.mask)
	return y
}

// draw fills the mask on the host, two entries from each 64 bits.
func (l *Dropout[T]) draw(n int) {
	if cap(l.host) < n {
		l.host = make([]T, n)
	}
	l.host = l.host[:n]
	keep, limit := T(1/(1-l.P)), uint64(l.P*(1<<32))
	for i := 0; i < n; i += 2 {
		bits := l.src.Uint64()
		for k := i; k < min(i+2, n); k++ {
			l.host[k] = keep
			if bits&(1<<32-1) < limit {
				l.host[k] = 0
			}
			bits >>= 32
		}
	}
}

// Backward returns dx of the shape of dy.
func (l *Dropout[T]) Backward(dy *Tensor[T], want Want) *Tensor[T] {
	checkBackward(l, dy, l.y)
	if want&WantInput == 0 {
		return nil
	}
	dx := l.work.Like(elementwiseDX, dy)
	if l.mask == nil {
		l.ops.Copy(dx, dy)
		return dx
	}
	// forward: y = x mask
	l.ops.Mul(dx, dy, l.mask)
	return dx
}

// Buffers returns the random stream.
func (l *Dropout[T]) Buffers() []Buffer[T] { return []Buffer[T]{{Name: "stream", Stream: l.src}} }

// Share returns a layer with its own activations and mode, which draws from the same stream.
func (l *Dropout[T]) Share() Layer[T] {
	return &Dropout[T]{P: l.P, src: l.src, training: l.training, elementwise: newElementwise(l.ops)}
}

// String returns "Dropout(p)".
func (l *Dropout[T]) String() string { return fmt.Sprintf("Dropout(%v)", l.P) }
