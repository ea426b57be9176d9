package generative

import (
	"errors"
	"math"
	"math/rand/v2"

	"github.com/sinkcpu/sinkcpu/internal/random"
	"github.com/sinkcpu/sinkcpu/kernels"
	"github.com/sinkcpu/sinkcpu/nn"
)

// contrast is a normal law r(z|x) near that of the codes of x, from which a discriminator tells codes more easily than from the prior:
//
//	E_q log q(z|x)/p(z) = E_q log q(z|x)/r(z|x) + E_q log r(z|x)/p(z)
//
// The first term is left to the discriminator and the second known, for every r; so r is learned by its likelihood on codes, and its own
// derivative is not formed. Source: the adaptive contrast of Mescheder et al. 2017, section 3.3, with moments from a network in place of
// several codes a row.
type contrast[T kernels.Float] struct {
	ops nn.Ops[T]
	net nn.Layer[T] // from x to means and log-variances

	mean, deviation *nn.Tensor[T] // of the rows last looked at
	dOut            *nn.Tensor[T]
}

// contrastLogVariance bounds the logarithms of the variances from below and above.
const contrastLogVariance = 16

// look takes the moments of the rows of x. It does nothing where there is no contrast.
func (c *contrast[T]) look(x *nn.Tensor[T]) {
	if c == nil {
		return
	}
	out := c.net.Forward(x)
	n, d := out.Rows(), out.Cols()/2
	c.mean, c.deviation, c.dOut = sized(c.mean, n, d), sized(c.deviation, n, d), sized(c.dOut, n, 2*d)
	for i := range n {
		f := row(out, i, n)
		copy(row(c.mean, i, n), f)
		for j, s := 0, row(c.deviation, i, n); j < d; j++ {
			s[j] = T(math.Exp(min(max(float64(f[d+j]), -contrastLogVariance), contrastLogVariance) / 2))
		}
	}
}

// learn adds the derivative of the mean of -log r(z|x), x the rows last looked at, to the gradients of the parameters.
func (c *contrast[T]) learn(z *nn.Tensor[T]) {
	n, d := z.Rows(), z.Cols()
	for i := range n {
		df, m, s := row(c.dOut, i, n), row(c.mean, i, n), row(c.deviation, i, n)
		for j, v := range row(z, i, n) {
			u := (v - m[j]) / s[j]
			df[j] = -u / s[j] / T(n)
			df[d+j] = (1 - u*u) / 2 / T(n)
		}
	}
	c.net.Backward(c.dOut, nn.WantParams)
}

// draw fills z with a draw of r(z|x) for each row.
func (c *contrast[T]) draw(noise *rand.Rand, z []T) {
	random.Normal(noise, z, 0, 1)
	for k, m := range c.mean.Data() {
		z[k] = m + c.deviation.Data()[k]*z[k]
	}
}

// standardise maps a code of row i to its place under r.
func (c *contrast[T]) standardise(z []T, i int) {
	m, s := row(c.mean, i, c.mean.Rows()), row(c.deviation, i, c.mean.Rows())
	for j := range z {
		z[j] = (z[j] - m[j]) / s[j]
	}
}

// rest returns log r(z|x) - log p(z) for a code of row i under the standard normal prior and adds scale times its derivative to dz. It turns
// dIn, the derivative by the code's place, into that by the code.
func (c *contrast[T]) rest(z, dz, dIn []T, i int, scale float64) (sum float64) {
	m, s := row(c.mean, i, c.mean.Rows()), row(c.deviation, i, c.mean.Rows())
	for j, v := range z {
		dIn[j] /= s[j]
		u := float64(v-m[j]) / float64(s[j])
		sum += (float64(v)*float64(v)-u*u)/2 - math.Log(float64(s[j]))
		dz[j] += T(scale * (float64(v) - u/float64(s[j])))
	}
	return sum
}

// SetContrast gives the penalty avb an adaptive contrast: the discriminator then tells codes from draws of a normal law r(z|x), which net, from
// rows of the data to LatentDim means and as many log-variances, learns by its likelihood on codes at the rate of the discriminator, and
//
//	E_X KL(Q(Z|X), P) = E log q/r + E log r/p
//
// is the discriminator's part and one known for every r. Where r does not keep up with the encoder, the sum is still too small. It is for a new
// objective and the prior normal.
func (o *AutoEncoder) SetContrast(net nn.Layer[float32]) error {
	if o.cfg.Penalty != "avb" || o.model.prior.name != "normal" || o.done > 0 {
		return errors.New("generative: a contrast is of a new objective with the penalty avb under the prior normal")
	}
	out, err := net.OutputShape([]int{1, o.model.dim})
	if err != nil {
		return err
	}
	if len(out) != 2 || out[1] != 2*o.model.latent {
		return errors.New("generative: a contrast needs two numbers a row for each latent coordinate")
	}
	opt, err := nn.NewAdam(o.ops, adversaryAdam(o.cfg.DiscriminatorRate))
	if err != nil {
		return err
	}
	o.core.judge.contrast = &contrast[float32]{ops: o.core.ops, net: fromHost(o.ops, net)}
	o.core.judge.knownPrior = false // p is in the known part
	o.contrast = nn.NewGroup("contrast", net.Params(), opt)
	return nil
}
