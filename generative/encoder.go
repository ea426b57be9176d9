package generative

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/sinkcpu/sinkcpu/internal/random"
	"github.com/sinkcpu/sinkcpu/kernels"
	"github.com/sinkcpu/sinkcpu/nn"
)

// Encoders are the kinds of encoders Q(Z|X), f being the network's output:
//
//	deterministic  z = f(x)
//	gaussian       z = mean(x) + exp(log_variance(x)/2) e          e standard normal, f(x) = (mean, log_variance)
//	implicit       z = f(x, e)                                     e standard normal, after the numbers of x
//
// Under the priors uniform and sphere z goes through a sigmoid, or is scaled to length 1, so that codes are where the prior is.
var Encoders = []string{"deterministic", "gaussian", "implicit"}

// maxLogVariance bounds the logarithm of a Gaussian encoder's variances; beyond it the derivative is 0.
const maxLogVariance = 50

// encoder is an encoder with what its derivative needs.
type encoder[T kernels.Float] struct {
	kind   string
	ops    nn.Ops[T]
	net    nn.Layer[T]
	inside nn.Layer[T] // maps to where the prior is; nil: codes may be anywhere
	latent int
	extra  int // numbers of noise that an implicit encoder takes

	in                 *nn.Tensor[T] // of an implicit encoder
	e                  *nn.Tensor[T]
	mean, logvar, code *nn.Tensor[T] // of a Gaussian encoder
	dOut               *nn.Tensor[T]
	clipped            []bool // of logvar
}

// newEncoder returns an encoder of rows of dim numbers.
func newEncoder[T kernels.Float](ops nn.Ops[T], kind string, net nn.Layer[T], dim, extra int, p prior) (*encoder[T], error) {
	if !slices.Contains(Encoders, kind) {
		return nil, fmt.Errorf("generative: unknown encoder %q, want one of %s", kind, strings.Join(Encoders, ", "))
	}
	e := &encoder[T]{kind: kind, ops: ops, net: net, latent: p.dim}
	if kind == "implicit" {
		if extra < 1 {
			return nil, fmt.Errorf("generative: %d numbers of noise for an implicit encoder, want a positive number", extra)
		}
		e.extra = extra
	}
	want := p.dim
	if kind == "gaussian" {
		want *= 2
	}
	out, err := net.OutputShape([]int{1, dim + e.extra})
	if err != nil {
		return nil, err
	}
	if len(out) != 2 || out[1] != want {
		return nil, fmt.Errorf("generative: a %s encoder with an output of shape %v, want %d numbers a row", kind, out, want)
	}
	switch p.name {
	case "uniform":
		e.inside = nn.NewSigmoid(ops)
	case "sphere":
		e.inside = nn.NewL2Normalize(ops)
	}
	return e, nil
}

// share returns an encoder with the same parameters and its own activations, out of training.
func (e *encoder[T]) share() *encoder[T] {
	s := &encoder[T]{kind: e.kind, ops: e.ops, net: e.net.Share(), latent: e.latent, extra: e.extra}
	nn.SetTraining(s.net, false)
	if e.inside != nil {
		s.inside = e.inside.Share()
	}
	return s
}

// forward returns the codes of x. Without noise those of a Gaussian encoder are its means.
func (e *encoder[T]) forward(x *nn.Tensor[T], noise *rand.Rand) *nn.Tensor[T] {
	n := x.Shape()[0]
	z := x
	switch e.kind {
	case "deterministic":
		z = e.net.Forward(x)
	case "gaussian":
		z = e.reparametrise(e.net.Forward(x), n, noise)
	case "implicit":
		d := x.Size() / n
		e.in = sized(e.in, n, d+e.extra)
		for i := range n {
			to := row(e.in, i, n)
			copy(to, row(x, i, n))
			clear(to[d:])
			if noise != nil {
				random.Normal(noise, to[d:], 0, 1)
			}
		}
		z = e.net.Forward(e.in)
	}
	if e.inside != nil {
		z = e.inside.Forward(z)
	}
	return z
}

// reparametrise splits the output of a Gaussian encoder and returns its codes.
func (e *encoder[T]) reparametrise(out *nn.Tensor[T], n int, noise *rand.Rand) *nn.Tensor[T] {
	d := e.latent
	e.mean, e.logvar, e.e, e.code = sized(e.mean, n, d), sized(e.logvar, n, d), sized(e.e, n, d), sized(e.code, n, d)
	e.clipped = make([]bool, n*d)
	clear(e.e.Data())
	if noise != nil {
		random.Normal(noise, e.e.Data(), 0, 1)
	}
	mean, logvar, z := e.mean.Data(), e.logvar.Data(), e.code.Data()
	for i := range n {
		f := row(out, i, n)
		for j := range d {
			k := i*d + j
			mean[k], logvar[k] = f[j], min(max(f[d+j], -maxLogVariance), maxLogVariance)
			e.clipped[k] = logvar[k] != f[d+j]
			z[k] = mean[k] + T(math.Exp(float64(logvar[k])/2))*e.e.Data()[k]
		}
	}
	return e.code
}

// backward adds to the gradients of the parameters what the derivatives by the codes, and by means and log-variances, call for. The latter
// two are of a Gaussian encoder; nil where nothing depends on them but through the codes.
func (e *encoder[T]) backward(dz, dMean, dLogvar *nn.Tensor[T]) {
	if e.inside != nil {
		dz = e.inside.Backward(dz, nn.WantInput)
	}
	if e.kind != "gaussian" {
		e.net.Backward(dz, nn.WantParams)
		return
	}
	n, d := dz.Shape()[0], e.latent
	e.dOut = sized(e.dOut, n, 2*d)
	for i := range n {
		df := row(e.dOut, i, n)
		for j := range d {
			k := i*d + j
			// forward: z = mean + exp(logvar/2) e
			df[j] = dz.Data()[k]
			df[d+j] = dz.Data()[k] * T(math.Exp(float64(e.logvar.Data()[k])/2)) * e.e.Data()[k] / 2
			if dMean != nil {
				df[j] += dMean.Data()[k]
				df[d+j] += dLogvar.Data()[k]
			}
			if e.clipped[k] {
				df[d+j] = 0
			}
		}
	}
	e.net.Backward(e.dOut, nn.WantParams)
}

// sized returns t if it has n rows of d numbers, else a new tensor that has.
func sized[T kernels.Float](t *nn.Tensor[T], n, d int) *nn.Tensor[T] {
	if t != nil && t.Rows() == n && t.Cols() == d {
		return t
	}
	return nn.NewTensor[T](n, d)
}
