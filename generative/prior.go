package generative

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/sinkcpu/sinkcpu/internal/random"
	"github.com/sinkcpu/sinkcpu/kernels"
)

// Priors are the laws of latent points that a network takes: uniform on the cube [0,1]^d, standard normal, or uniform on the unit sphere.
var Priors = []string{"uniform", "normal", "sphere"}

// prior is a law of latent points of R^dim.
type prior struct {
	name string
	dim  int
}

func newPrior(name string, dim int) (prior, error) {
	if !slices.Contains(Priors, name) {
		return prior{}, fmt.Errorf("generative: unknown prior %q, want one of %s", name, strings.Join(Priors, ", "))
	}
	return prior{name, dim}, nil
}

// mean returns the mean of each coordinate, and variance its variance; coordinates are uncorrelated.
func (p prior) mean() float64 {
	if p.name == "uniform" {
		return .5
	}
	return 0
}

func (p prior) variance() float64 {
	switch p.name {
	case "uniform":
		return 1. / 12
	case "sphere":
		return 1 / float64(p.dim)
	}
	return 1
}

// point maps one point u of the unit cube to the latent space so that uniform u have the law of the prior.
func (p prior) point(dst, u []float32) {
	if p.name == "uniform" {
		copy(dst, u)
		return
	}
	normalPoint(dst, u)
	if p.name != "sphere" {
		return
	}
	var q float64
	for _, v := range dst {
		q += float64(v) * float64(v)
	}
	if q == 0 { // the centre of the cube has no direction
		dst[0], q = 1, 1
	}
	for j := range dst {
		dst[j] *= float32(1 / math.Sqrt(q))
	}
}

// drawPrior fills z, rows of p.dim numbers, with draws.
func drawPrior[T kernels.Float](p prior, noise *random.Stream, z []T) {
	switch p.name {
	case "uniform":
		random.Uniform(noise, z, 0, 1)
	case "sphere":
		random.Sphere(noise, z, p.dim)
	default:
		random.Normal(noise, z, 0, 1)
	}
}

// logDensity returns that of one point, up to a constant for the laws that have the same density everywhere, and addLogDensityGradient adds
// weight times its derivative to dz.
func logDensity[T kernels.Float](p prior, z []T) float64 {
	if p.name != "normal" {
		return 0
	}
	return -.5*float64(p.dim)*math.Log(2*math.Pi) - .5*float64(kernels.Dot(z, z))
}

func addLogDensityGradient[T kernels.Float](p prior, weight T, z, dz []T) {
	if p.name == "normal" {
		kernels.Axpy(dz, -weight, z)
	}
}
