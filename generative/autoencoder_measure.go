package generative

import (
	"context"
	"math/rand/v2"
)

// MeasureCodes returns how rows of x come back and how their codes, drawn with the noise, lie in the latent space:
//
//	squared_error  the mean of |x - G(z)|^2, z the codes without noise
//	latent_mmd     the unbiased MMD^2 between as many codes and draws of the prior, by the seven inverse multiquadrics of [LatentPenalties]
//
// It takes two rows or more.
func (o *AutoEncoder) MeasureCodes(ctx context.Context, x []float32, rows int, noise *rand.Rand) ([]Metric, error) {
	d := o.model.latent
	z, y := make([]float32, rows*d), make([]float32, len(x))
	o.Encode(z, x, rows, nil)
	o.Decode(y, z, rows)
	var lost float64
	for i, v := range y {
		e := float64(v) - float64(x[i])
		lost += e * e / float64(rows)
	}
	o.Encode(z, x, rows, noise)
	p := make([]float32, len(z))
	o.Prior(p, noise)
	c, err := newLatentCriterion[float32](AutoEncoderConfig{Penalty: "mmd", Kernel: "imq", Runner: o.cfg.Runner}, o.model.prior)
	if err != nil {
		return nil, err
	}
	m, err := c.Eval(ctx, z, p, rows, d, nil, nil, true)
	if err != nil {
		return nil, err
	}
	return []Metric{{"squared_error", lost}, {"latent_mmd", m[0].Value}}, nil
}
