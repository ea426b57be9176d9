package logsumexp

import (
	"fmt"
	"math"

	"github.com/sinkcpu/sinkcpu/kernels"
)

// centre moves each cloud of a cost scale |x-y|^2 to its own mean. With the means p of x (under weights a where it is nil) and q of y under b, x' = x - p,
// y' = y - q and t = p - q,
//
//	|x - y|^2 = |x' - y'|^2 + (2 <x', t> + |t|^2) - 2 <y', t>
//
// whose last terms, times scale, become u and v.
func (c *Points[T]) centre(p, x, y, a, b []float64, scale float64) {
	q := mean(y, b, c.d)
	if p == nil {
		p = mean(x, a, c.d)
	}
	t := make([]float64, c.d)
	var tt float64
	for k := range t {
		t[k] = p[k] - q[k]
		tt += t[k] * t[k]
	}
	c.apart = t
	c.x, c.u = moved[T](x, p), linear(x, p, t, 2*scale, scale*tt)
	c.y, c.v = moved[T](y, q), linear(y, q, t, -2*scale, 0)
}

// mean returns the mean of the rows of x under weights w.
func mean(x, w []float64, d int) []float64 {
	p := make([]float64, d)
	var mass float64
	for i := range len(x) / d {
		wi := 1.
		if w != nil {
			wi = w[i]
		}
		mass += wi
		for k := range p {
			p[k] += wi * x[i*d+k]
		}
	}
	if mass > 0 {
		for k := range p {
			p[k] /= mass
		}
	}
	return p
}

// pooledMean returns the mean of the rows of both clouds; where that of x is given, the middle between it and that of y.
func pooledMean(given, x, y []float64, d int) []float64 {
	p, q := mean(x, nil, d), mean(y, nil, d)
	n, m := float64(len(x)), float64(len(y))
	if given != nil {
		copy(p, given)
		n, m = 1, 1
	}
	for k := range p {
		p[k] = (n*p[k] + m*q[k]) / (n + m)
	}
	return p
}

// moved returns x - p, rounded.
func moved[T kernels.Float](x, p []float64) []T {
	out := make([]T, len(x))
	for i, v := range x {
		out[i] = T(v - p[i%len(p)])
	}
	return out
}

// linear returns alpha <x_i - p, t> + beta for each row.
func linear(x, p, t []float64, alpha, beta float64) []float64 {
	d := len(p)
	u := make([]float64, len(x)/d)
	for i := range u {
		var s float64
		for k, tk := range t {
			s += (x[i*d+k] - p[k]) * tk
		}
		u[i] = alpha*s + beta
	}
	return u
}

// unit returns the rows of x scaled to length 1, rounded.
func unit[T kernels.Float](name string, x []float64, d int) ([]T, error) {
	out := make([]T, len(x))
	for i := range len(x) / d {
		row := x[i*d : (i+1)*d]
		var size float64 // scaled, so that squares neither overflow nor vanish
		for _, v := range row {
			size = max(size, math.Abs(v))
		}
		if size == 0 {
			return nil, fmt.Errorf("logsumexp: %s[%d] is the origin, which has no direction for the cosine", name, i)
		}
		var s float64
		for _, v := range row {
			s += (v / size) * (v / size)
		}
		for k, v := range row {
			out[i*d+k] = T(v / size / math.Sqrt(s))
		}
	}
	return out, nil
}

// squares returns the squared lengths of the rows.
func squares[T kernels.Float](s, x []T, d int) []T {
	s = sized(s, len(x)/d)
	for i := range s {
		row := x[i*d : (i+1)*d]
		s[i] = kernels.Dot(row, row)
	}
	return s
}

// sized returns buf, or a longer slice where it is too short, of length n.
func sized[E any](buf []E, n int) []E {
	if cap(buf) < n {
		return make([]E, n)
	}
	return buf[:n]
}
