package numtest

import "math"

// ULP returns the error of got in units in the last place of float32 at want:
//
//	|got - want| / ulp(want),   ulp(w) = 2^max(e-23, -149) for 2^e <= |w| < 2^(e+1)
//
// A want beyond the range, from MaxFloat32 plus half a unit on, counts as infinite. Where either is infinite the error is 0 if both are
// the same and one unit for its finite neighbour MaxFloat32, else +Inf. It is 0 where both are NaN and +Inf where one is.
func ULP(got float32, want float64) float64 {
	if math.IsNaN(want) || got != got {
		if math.IsNaN(want) && got != got {
			return 0
		}
		return math.Inf(1)
	}
	const overflow = math.MaxFloat32 + 0x1p103
	g := float64(got)
	switch {
	case math.Abs(want) >= overflow:
		return finiteNeighbour(g, math.Copysign(math.Inf(1), want))
	case math.IsInf(g, 0):
		return finiteNeighbour(want, g)
	}
	_, e := math.Frexp(want)
	if want == 0 {
		e = -200
	}
	return math.Abs(g-want) / math.Ldexp(1, max(e-24, -149))
}

// finiteNeighbour is the error between a value and an infinity.
func finiteNeighbour(v, inf float64) float64 {
	switch {
	case v == inf:
		return 0
	case float32(v) == float32(math.Copysign(math.MaxFloat32, inf)):
		return 1
	}
	return math.Inf(1)
}

// Floats calls f with every stride-th bit pattern of float32, infinities, NaN and denormals among them, in slices that are used again.
// Stride 1 gives all 2^32.
func Floats(stride uint64, f func(x []float32)) {
	buf := make([]float32, 0, 1<<14)
	for b := uint64(0); b < 1<<32; b += stride {
		buf = append(buf, math.Float32frombits(uint32(b)))
		if len(buf) == cap(buf) {
			f(buf)
			buf = buf[:0]
		}
	}
	f(buf)
}

// Edges returns the float32 values where functions go wrong: zeros, ones, the ends of the normal, denormal and finite numbers,
// infinities and NaN, with either sign, and the arguments at which e^x and 2^x overflow, underflow and lose their last bit, each with its
// neighbours.
func Edges() []float32 {
	inf := float32(math.Inf(1))
	var x []float32
	for _, v := range []float32{0, 1, 0.5, 2, math.SmallestNonzeroFloat32, 0x1p-126, 0x1p-127, math.MaxFloat32, 1e-20, 1e20, 0x1p22, 0x1p23, 0x1p24, 0x1p31, 0x1p32,
		math.Ln2, math.Ln2 / 2, 88.72284, 87.33655, 103.97208, 103.2789, 127.5, 128, 126, 126.5, 149, 149.5, 150, 152, 16.6, 17.3, 9.01, 10, 20, 40} {
		for _, s := range []float32{v, -v} {
			x = append(x, s, math.Nextafter32(s, inf), math.Nextafter32(s, -inf))
		}
	}
	return append(x, inf, -inf, float32(math.NaN()))
}
