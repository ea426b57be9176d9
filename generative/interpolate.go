package generative

import "math"

// Interpolate fills dst, steps x LatentDim, with codes from a to b, both among them: on the straight line, under the prior sphere on the great
// circle. It takes steps >= 2.
//
//	line    (1-t) a + t b                                                  t = k/(steps-1)
//	circle  sin((1-t) w)/sin(w) a + sin(t w)/sin(w) b                      w the angle between a and b
func (o *AutoEncoder) Interpolate(dst, a, b []float32, steps int) {
	d := o.model.latent
	var cos float64
	for j := range d {
		cos += float64(a[j]) * float64(b[j])
	}
	w := math.Acos(min(max(cos, -1), 1))
	for k := range steps {
		t := float64(k) / float64(steps-1)
		p, q := 1-t, t
		if s := math.Sin(w); o.model.prior.name == "sphere" && s > 1e-6 {
			p, q = math.Sin((1-t)*w)/s, math.Sin(t*w)/s
		}
		for j := range d {
			dst[k*d+j] = float32(p*float64(a[j]) + q*float64(b[j]))
		}
	}
}
