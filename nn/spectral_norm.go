package nn

import (
	"math"

	"github.com/sinkcpu/sinkcpu/kernels"
)

// SpectralNorm is a [Linear] or a [Conv2d] whose weight, seen as a matrix of out rows, is divided by an estimate of its largest singular
// value. In training each Forward improves the estimate by one step of the power iteration,
//
//	v = W^T u/|W^T u|;  u = W v/|W v|;  sigma = u W v;  weight = W/sigma
//
// and the derivative takes u and v as constants. Source: Miyato, Kataoka, Koyama and Yoshida 2018.
type SpectralNorm[T kernels.Float] struct {
	Weight *Param[T] // "weight_orig", W

	inner    weighted[T]
	scaled   *Param[T]  // the weight of the inner layer
	w, dw    *Tensor[T] // W and its gradient as matrices
	u, v     *Tensor[T] // buffers "weight_u" [out] and "weight_v" [in]
	training bool
	ops      Ops[T]
	work     *Workspace[T]
	ut, vt   *Tensor[T] // u and v of the last Forward
	sigma    float64
	y        *Tensor[T]
}

// A weighted layer has a weight that may be replaced.
type weighted[T kernels.Float] interface {
	Layer[T]
	weight() *Param[T]
	withWeight(w *Param[T]) weighted[T] // a share with another weight
}

func (l *Linear[T]) weight() *Param[T] { return l.Weight }
func (l *Linear[T]) withWeight(w *Param[T]) weighted[T] {
	s := l.Share().(*Linear[T])
	s.Weight = w
	return s
}
func (l *Conv2d[T]) weight() *Param[T] { return l.Weight }
func (l *Conv2d[T]) withWeight(w *Param[T]) weighted[T] {
	s := l.Share().(*Conv2d[T])
	s.Weight = w
	return s
}

const (
	spectralU = iota
	spectralV
	spectralWV
)

// NewSpectralNorm returns the layer with its weight normalised, u and v drawn at random and improved by 15 steps, as in PyTorch. It panics
// unless the layer is a [Linear] or a [Conv2d].
func NewSpectralNorm[T kernels.Float](ops Ops[T], layer Layer[T], src Source) *SpectralNorm[T] {
	inner, ok := layer.(weighted[T])
	if !ok {
		panic("nn: SpectralNorm of " + layer.String() + ", want Linear or Conv2d")
	}
	w := inner.weight().Value
	out := w.shape[0]
	l := &SpectralNorm[T]{
		Weight: &Param[T]{Name: "weight_orig", Value: w, Grad: inner.weight().Grad},
		u:      newTensor(ops, 1, out), v: newTensor(ops, 1, w.size/out), training: true,
	}
	l.bind(ops, inner)
	normal := func(src Source, _, _ int) float64 { return src.NormFloat64() }
	initialise(ops, src, normal, l.u, 1, 1)
	initialise(ops, src, normal, l.v, 1, 1)
	l.unit(l.u)
	l.unit(l.v)
	for range 15 {
		l.iterate()
	}
	return l
}

// bind gives l a layer of its own with a weight of its own.
func (l *SpectralNorm[T]) bind(ops Ops[T], inner weighted[T]) {
	l.scaled = newParam(ops, "weight", l.Weight.Value.shape...)
	l.inner, l.ops, l.work = inner.withWeight(l.scaled), ops, NewWorkspace(ops)
	l.w, l.dw = l.Weight.Value.Reshape(l.u.size, l.v.size), l.Weight.Grad.Reshape(l.u.size, l.v.size)
}

// unit scales x to length one.
func (l *SpectralNorm[T]) unit(x *Tensor[T]) {
	l.ops.Scale(x, T(1/max(math.Sqrt(l.ops.Dot(x, x)), l2Eps)))
}

// iterate is one step of the power iteration.
func (l *SpectralNorm[T]) iterate() {
	l.ops.Gemm(false, false, 1, l.u, l.w, 0, l.v)
	l.unit(l.v)
	l.ops.Gemm(false, true, 1, l.v, l.w, 0, l.u)
	l.unit(l.u)
}

// SetTraining sets the mode.
func (l *SpectralNorm[T]) SetTraining(training bool) { l.training = training }

// Forward returns the output of the layer with the normalised weight.
func (l *SpectralNorm[T]) Forward(x *Tensor[T]) *Tensor[T] {
	if l.training {
		l.iterate()
	}
	l.ut, l.vt = l.work.Like(spectralU, l.u), l.work.Like(spectralV, l.v)
	l.ops.Copy(l.ut, l.u)
	l.ops.Copy(l.vt, l.v)
	l.scale()
	l.y = l.inner.Forward(x)
	return l.y
}

// scale sets the weight of the layer to W/sigma.
func (l *SpectralNorm[T]) scale() {
	wv := l.work.Like(spectralWV, l.u)
	l.ops.Gemm(false, true, 1, l.v, l.w, 0, wv)
	l.sigma = l.ops.Dot(l.u, wv)
	l.ops.Copy(l.scaled.Value, l.Weight.Value)
	l.ops.Scale(l.scaled.Value, T(1/l.sigma))
}

// Backward adds to the gradients of W and of the bias, and returns dx.
func (l *SpectralNorm[T]) Backward(dy *Tensor[T], want Want) *Tensor[T] {
	checkBackward(l, dy, l.y)
	l.ops.Zero(l.scaled.Grad)
	dx := l.inner.Backward(dy, want)
	if want&WantParams != 0 {
		// forward: weight = W/sigma, sigma = u W v
		along := l.ops.Dot(l.scaled.Grad, l.scaled.Value)
		l.ops.Axpy(l.Weight.Grad, T(1/l.sigma), l.scaled.Grad)
		l.ops.Gemm(true, false, T(-along/l.sigma), l.ut, l.vt, 1, l.dw)
	}
	return dx
}

// Params returns W and, if there is one, the bias of the layer.
func (l *SpectralNorm[T]) Params() []*Param[T] {
	return append([]*Param[T]{l.Weight}, l.inner.Params()[1:]...)
}

// Buffers returns u and v.
func (l *SpectralNorm[T]) Buffers() []Buffer[T] {
	return []Buffer[T]{{Name: "weight_u", Value: l.u.Reshape(-1)}, {Name: "weight_v", Value: l.v.Reshape(-1)}}
}

// OutputShape returns that of the layer.
func (l *SpectralNorm[T]) OutputShape(in []int) ([]int, error) { return l.inner.OutputShape(in) }

// FLOPs returns those of the layer.
func (l *SpectralNorm[T]) FLOPs(in []int) int64 { return flopsOf[T](l.inner, in) }

// Share returns a layer with the same parameters and estimate and its own activations and mode.
func (l *SpectralNorm[T]) Share() Layer[T] {
	s := &SpectralNorm[T]{Weight: l.Weight, u: l.u, v: l.v, training: l.training}
	s.bind(l.ops, l.inner)
	return s
}

// String returns "SpectralNorm(layer)".
func (l *SpectralNorm[T]) String() string { return "SpectralNorm(" + l.inner.String() + ")" }
