package nn

import (
	"math"

	"github.com/sinkcpu/sinkcpu/kernels"
)

// A Source gives the random numbers of an initialisation. *rand.Rand of math/rand/v2 is one.
type Source interface {
	Float64() float64     // uniform on [0, 1)
	NormFloat64() float64 // standard normal
}

// An Init draws one entry of a parameter of a layer that has fanIn inputs to each output and fanOut outputs of each input.
type Init func(src Source, fanIn, fanOut int) float64

// uniform draws uniformly from [-bound, bound).
func uniform(src Source, bound float64) float64 { return bound * (2*src.Float64() - 1) }

// XavierUniform draws from the uniform distribution of variance gain^2 2/(fanIn + fanOut). Source: Glorot and Bengio 2010.
//
//	U(-a, a), a = gain sqrt(6/(fanIn + fanOut))
func XavierUniform(gain float64) Init {
	return func(src Source, fanIn, fanOut int) float64 {
		return uniform(src, gain*math.Sqrt(6/float64(fanIn+fanOut)))
	}
}

// XavierNormal draws from the normal distribution of variance gain^2 2/(fanIn + fanOut). Source: Glorot and Bengio 2010.
//
//	N(0, s^2), s = gain sqrt(2/(fanIn + fanOut))
func XavierNormal(gain float64) Init {
	return func(src Source, fanIn, fanOut int) float64 {
		return gain * math.Sqrt(2/float64(fanIn+fanOut)) * src.NormFloat64()
	}
}

// HeUniform draws from the uniform distribution of variance 2/((1 + slope^2) fanIn), for a ReLU (slope 0) or a LeakyReLU of that slope.
// Source: He, Zhang, Ren and Sun 2015.
//
//	U(-a, a), a = sqrt(6/((1 + slope^2) fanIn))
func HeUniform(slope float64) Init {
	return func(src Source, fanIn, _ int) float64 {
		return uniform(src, math.Sqrt(6/((1+slope*slope)*float64(fanIn))))
	}
}

// HeNormal draws from the normal distribution of variance 2/((1 + slope^2) fanIn), for a ReLU (slope 0) or a LeakyReLU of that slope.
// Source: He, Zhang, Ren and Sun 2015.
//
//	N(0, s^2), s = sqrt(2/((1 + slope^2) fanIn))
func HeNormal(slope float64) Init {
	return func(src Source, fanIn, _ int) float64 {
		return math.Sqrt(2/((1+slope*slope)*float64(fanIn))) * src.NormFloat64()
	}
}

// Normal draws from the normal distribution of that mean and standard deviation, whatever the layer's size.
func Normal(mean, std float64) Init {
	return func(src Source, _, _ int) float64 { return mean + std*src.NormFloat64() }
}

// FanInUniform is the default of PyTorch's Linear and convolutions, for weight and bias alike.
//
//	U(-a, a), a = 1/sqrt(fanIn)
func FanInUniform(src Source, fanIn, _ int) float64 {
	return uniform(src, 1/math.Sqrt(float64(fanIn)))
}

// initialise draws the elements of t in order. A nil init sets zeros and draws nothing.
func initialise[T kernels.Float](ops Ops[T], src Source, init Init, t *Tensor[T], fanIn, fanOut int) {
	host := make([]T, t.size)
	if init != nil {
		for i := range host {
			host[i] = T(init(src, fanIn, fanOut))
		}
	}
	ops.Upload(t, host)
}
