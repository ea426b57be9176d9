package generative

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/sinkcpu/sinkcpu/kernels"
	"github.com/sinkcpu/sinkcpu/nn"
)

// DiscriminatorForms are what an encoder minimises over a discriminator D = 1/(1 + e^-t) that tells the prior (1) from codes (0):
//
//	nonsaturating  E_Q -log D
//	saturating     E_Q log(1 - D)
//
// and, in the penalty avb, E_Q -t, which is KL(Q, P) at the best discriminator t = log p/q; with a contrast r, a normal law with the moments of
// the codes of each row, E_Q -t + log r/p at the best discriminator t = log r/q.
var DiscriminatorForms = []string{"nonsaturating", "saturating"}

const klForm = "kl"

// discriminator tells draws of the prior from codes, both beside the data where it is given:
//
//	t(z) = net(z) + log p(z)          the second term under KnownPrior: what is left to learn is -log q(z)
//
// With a contrast it tells draws of the contrast r(z|x) from codes instead, by their place under r, and what remains between r and the prior,
// log r(z|x) - log p(z), is added in closed form: the KL is the same for every r, and the nearer r is to q, the less there is to learn.
type discriminator[T kernels.Float] struct {
	ops        nn.Ops[T]
	net        nn.Layer[T]
	prior      prior
	knownPrior bool
	form       string
	dataDim    int // numbers of x before those of z; 0: z alone

	contrast *contrast[T] // nil: none

	in, dt *nn.Tensor[T]
}

func newDiscriminator[T kernels.Float](ops nn.Ops[T], net nn.Layer[T], p prior, form string, knownPrior bool, dataDim int) (*discriminator[T], error) {
	if form != klForm && !slices.Contains(DiscriminatorForms, form) {
		return nil, fmt.Errorf("generative: unknown form %q of the discriminator, want one of %s", form, strings.Join(DiscriminatorForms, ", "))
	}
	out, err := net.OutputShape([]int{1, dataDim + p.dim})
	if err != nil {
		return nil, err
	}
	if len(out) != 2 || out[1] != 1 {
		return nil, fmt.Errorf("generative: a discriminator with an output of shape %v, want one number a row", out)
	}
	return &discriminator[T]{ops: ops, net: net, prior: p, form: form, knownPrior: knownPrior, dataDim: dataDim}, nil
}

// logits returns t of codes, rows of z beside rows of x.
func (d *discriminator[T]) logits(x, z *nn.Tensor[T]) []T {
	in := z
	n := z.Rows()
	if d.dataDim > 0 {
		d.in = sized(d.in, n, d.dataDim+d.prior.dim)
		for i := range n {
			to := row(d.in, i, n)
			k := i % x.Shape()[0]
			copy(to, row(x, k, x.Shape()[0]))
			copy(to[d.dataDim:], row(z, i, n))
			if d.contrast != nil {
				d.contrast.standardise(to[d.dataDim:], k)
			}
		}
		in = d.in
	}
	t := d.net.Forward(in).Data()
	if d.knownPrior {
		for i := range t {
			t[i] += T(logDensity(d.prior, row(z, i, n)))
		}
	}
	d.dt = sized(d.dt, n, 1)
	return t
}

// judge returns what the form says of the codes z of x, and adds weight times its derivative to dz.
func (d *discriminator[T]) judge(x, z *nn.Tensor[T], weight float64, dz *nn.Tensor[T]) (mean float64) {
	t := d.logits(x, z)
	n := len(t)
	for i, v := range t {
		var value, slope float64
		switch d.form {
		case "saturating": // log(1 - D) = -log(1 + e^t)
			value, slope = -softplus(float64(v)), -sigmoid(float64(v))
		case klForm:
			value, slope = -float64(v), -1
		default: // -log D = log(1 + e^-t)
			value, slope = softplus(-float64(v)), -sigmoid(-float64(v))
		}
		mean += value / float64(n)
		d.dt.Data()[i] = T(weight * slope / float64(n))
	}
	dIn := d.net.Backward(d.dt, nn.WantInput)
	for i := range n {
		if d.contrast != nil {
			mean += d.contrast.rest(row(z, i, n), row(dz, i, n), row(dIn, i, n)[d.dataDim:], i, weight/float64(n)) / float64(n)
		}
		kernels.Axpy(row(dz, i, n), 1, row(dIn, i, n)[d.dataDim:])
		if d.knownPrior {
			addLogDensityGradient(d.prior, d.dt.Data()[i], row(z, i, n), row(dz, i, n))
		}
	}
	return mean
}

// learn returns E_P log D + E_Q log(1-D) for draws of the prior over as many codes in z, with the share of them that D tells right, and adds the
// derivative of its negative to the gradients of the parameters.
func (d *discriminator[T]) learn(x, z *nn.Tensor[T]) (value, accuracy float64) {
	t := d.logits(x, z)
	n := len(t) / 2
	for i, v := range t {
		sign := 1.
		if i >= n {
			sign = -1
		}
		if sign*float64(v) > 0 {
			accuracy += .5 / float64(n)
		}
		value -= softplus(-sign*float64(v)) / float64(n)
		d.dt.Data()[i] = T(-sign * sigmoid(-sign*float64(v)) / float64(n))
	}
	d.net.Backward(d.dt, nn.WantParams)
	return value, accuracy
}

// beside returns draws of the prior over the codes.
func beside[T kernels.Float](both *nn.Tensor[T], p prior, noise *rand.Rand, codes *nn.Tensor[T]) *nn.Tensor[T] {
	n := codes.Rows()
	both = sized(both, 2*n, p.dim)
	drawPrior(p, noise, both.Data()[:n*p.dim])
	copy(both.Data()[n*p.dim:], codes.Data())
	return both
}

func sigmoid(x float64) float64 { return 1 / (1 + math.Exp(-x)) }

// softplus returns log(1 + e^x).
func softplus(x float64) float64 { return max(x, 0) + math.Log1p(math.Exp(-math.Abs(x))) }
