package generative

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/sinkcpu/sinkcpu/kernels"
	"github.com/sinkcpu/sinkcpu/nn"
)

// Decoders are the laws P_G(X|Z) of a decoder with output g, and what a point x costs under them, d numbers a row:
//
//	deterministic  c(x, g), one of [ReconstructionCosts]
//	gaussian       |x - g|^2/(2 v) + (d/2) log(2 pi v), v fixed or learned
//	bernoulli      sum_j log(1 + e^g_j) - x_j g_j, x in [0, 1], g logits
var Decoders = []string{"deterministic", "gaussian", "bernoulli"}

// ReconstructionCosts are the costs c(x, g) of a deterministic decoder: |x-g|^2, |x-g| (as the root of |x-g|^2 + 1e-8), sum_j |x_j-g_j|, which
// are sums over a row: nothing is scaled, and 1 - <x,g>/(|x| |g|), each length as the root of its square + 1e-12. They are taken between rows or
// between features of rows; see [AutoEncoder.SetFeatures].
var ReconstructionCosts = []string{"sqeuclidean", "euclidean", "l1", "cosine"}

// minLogVariance bounds that of a Gaussian decoder which learns it.
const minLogVariance = -16

// likelihood is what a decoder's output costs.
type likelihood[T kernels.Float] struct {
	law, cost string
	ops       nn.Ops[T]
	logvar    *nn.Param[T] // of a Gaussian law, [1]
	learned   bool         // whether logvar is trained
	dg        *nn.Tensor[T]

	features nn.Layer[T]   // that costs are taken between; nil: rows themselves
	ofX      *nn.Tensor[T] // features of x
}

// newLikelihood returns the law; variance is that of a Gaussian one, where it begins if it is learned.
func newLikelihood[T kernels.Float](ops nn.Ops[T], law, cost string, variance float64, learned bool) (*likelihood[T], error) {
	switch {
	case !slices.Contains(Decoders, law):
		return nil, fmt.Errorf("generative: unknown decoder %q, want one of %s", law, strings.Join(Decoders, ", "))
	case !slices.Contains(ReconstructionCosts, cost):
		return nil, fmt.Errorf("generative: reconstruction cost %q, want one of %s", cost, strings.Join(ReconstructionCosts, ", "))
	case law == "gaussian" && !(variance > 0 && !math.IsInf(variance, 1)):
		return nil, fmt.Errorf("generative: variance %g of a Gaussian decoder, want a positive number", variance)
	}
	l := &likelihood[T]{law: law, cost: cost, ops: ops, learned: learned && law == "gaussian"}
	if law == "gaussian" {
		l.logvar = &nn.Param[T]{Name: "log_variance", Value: nn.NewTensor[T](1), Grad: nn.NewTensor[T](1)}
		l.logvar.Value.Data()[0] = T(math.Log(variance))
	}
	return l, nil
}

// place moves the parameter to where a table computes, which may be a device whose optimiser steps it.
func (l *likelihood[T]) place(ops nn.Ops[T]) {
	if l.logvar == nil || nn.OnHost(ops) {
		return
	}
	value := l.logvar.Value.Data()
	l.logvar.Value, l.logvar.Grad = nn.TensorIn(ops.Alloc(1), 0, 1), nn.TensorIn(ops.Alloc(1), 0, 1)
	l.logvar.Value.SetValues(value)
}

// variance returns v of a Gaussian law.
func (l *likelihood[T]) variance() float64 { return math.Exp(float64(l.logvar.Value.Values()[0])) }

// clamp keeps a learned variance away from 0.
func (l *likelihood[T]) clamp() {
	if !l.learned {
		return
	}
	if v := l.logvar.Value.Values(); v[0] < minLogVariance {
		v[0] = minLogVariance
		l.logvar.Value.SetValues(v)
	}
}

// eval returns the mean cost of the rows of x for the outputs g, its derivative by g, which is valid until the next call, and adds the
// derivative by a learned log-variance to its gradient.
func (l *likelihood[T]) eval(g, x *nn.Tensor[T]) (mean float64, dg *nn.Tensor[T]) {
	if l.features == nil {
		return l.compare(g, x)
	}
	f := l.features.Forward(x)
	l.ofX = sized(l.ofX, f.Rows(), f.Cols())
	l.ops.Copy(l.ofX, f)
	mean, df := l.compare(l.features.Forward(g), l.ofX)
	return mean, l.features.Backward(df, nn.WantInput)
}

// compare is eval between rows that are compared as they are.
func (l *likelihood[T]) compare(g, x *nn.Tensor[T]) (mean float64, dg *nn.Tensor[T]) {
	n, d := g.Shape()[0], g.Size()/g.Shape()[0]
	l.dg = sized(l.dg, n, d)
	over := func(m, scale float64) (float64, *nn.Tensor[T]) { // m is a mean over all numbers
		l.ops.Scale(l.dg, T(scale*float64(d)))
		return m * float64(d), l.dg
	}
	switch {
	case l.law == "gaussian":
		v := l.variance()
		square, _ := over(l.ops.SquaredError(l.dg, g, x), 1/(2*v))
		if l.learned {
			dv := l.logvar.Grad.Values()
			dv[0] += T(float64(d)/2 - square/(2*v))
			l.logvar.Grad.SetValues(dv)
		}
		return square/(2*v) + float64(d)/2*math.Log(2*math.Pi*v), l.dg
	case l.law == "bernoulli":
		return over(l.ops.BinaryCrossEntropy(l.dg, g, x), 1)
	case l.cost == "l1":
		return over(l.ops.AbsoluteError(l.dg, g, x), 1)
	case l.cost == "euclidean":
		return l.euclidean(g, x, n), l.dg
	case l.cost == "cosine":
		return l.cosine(g, x, n), l.dg
	}
	return over(l.ops.SquaredError(l.dg, g, x), 1)
}

func (l *likelihood[T]) euclidean(g, x *nn.Tensor[T], n int) (mean float64) {
	for i := range n {
		dg := row(l.dg, i, n)
		// forward: c = sqrt(|g - x|^2 + 1e-8)
		copy(dg, row(g, i, n))
		kernels.Axpy(dg, -1, row(x, i, n))
		c := math.Sqrt(float64(kernels.Dot(dg, dg)) + 1e-8)
		kernels.Scale(dg, T(1/(c*float64(n))))
		mean += c / float64(n)
	}
	return mean
}

func (l *likelihood[T]) cosine(g, x *nn.Tensor[T], n int) (mean float64) {
	length := func(v []T) float64 { return math.Sqrt(float64(kernels.Dot(v, v)) + 1e-12) }
	for i := range n {
		gi, xi, dg := row(g, i, n), row(x, i, n), row(l.dg, i, n)
		// forward: c = 1 - <g, x>/(|g| |x|)
		lg, lx := length(gi), length(xi)
		cos := float64(kernels.Dot(gi, xi)) / (lg * lx)
		copy(dg, gi)
		kernels.Scale(dg, T(cos/(lg*lg*float64(n))))
		kernels.Axpy(dg, T(-1/(lg*lx*float64(n))), xi)
		mean += (1 - cos) / float64(n)
	}
	return mean
}
