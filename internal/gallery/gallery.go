// Package gallery arranges what auto-encoders make of rows for people to look at.
package gallery

import "github.com/sinkcpu/sinkcpu/generative"

// Beside returns 2 n rows: each of n rows of x, and after it what the model makes of its code.
func Beside(model generative.Encoder, x []float32, n int) []float32 {
	d := len(x) / n
	z, y := make([]float32, n*model.LatentDim()), make([]float32, len(x))
	model.Encode(z, x, n, nil)
	model.Decode(y, z, n)
	out := make([]float32, 0, 2*len(x))
	for i := range n {
		out = append(append(out, x[i*d:(i+1)*d]...), y[i*d:(i+1)*d]...)
	}
	return out
}

// An Interpolator is an encoder that knows the ways between codes; see [generative.AutoEncoder.Interpolate].
type Interpolator interface {
	generative.Encoder

	Interpolate(dst, a, b []float32, steps int)
}

// Ways returns what the model makes of codes between those of two rows, pair after pair of rows of x, each way in that many steps with both
// ends among them. With withRows the two rows themselves stand at the ends of each way.
func Ways(model Interpolator, x []float32, pairs, steps int, withRows bool) []float32 {
	d, dim := model.LatentDim(), len(x)/(2*pairs)
	z, way := make([]float32, 2*pairs*d), make([]float32, pairs*steps*d)
	model.Encode(z, x, 2*pairs, nil)
	for p := range pairs {
		model.Interpolate(way[p*steps*d:], z[2*p*d:], z[(2*p+1)*d:], steps)
	}
	y := make([]float32, pairs*steps*dim)
	model.Decode(y, way, pairs*steps)
	if !withRows {
		return y
	}
	var out []float32
	for p := range pairs {
		out = append(out, x[2*p*dim:(2*p+1)*dim]...)
		out = append(out, y[p*steps*dim:(p+1)*steps*dim]...)
		out = append(out, x[(2*p+1)*dim:(2*p+2)*dim]...)
	}
	return out
}
