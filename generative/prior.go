package generative

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/sinkcpu/sinkcpu/internal/random"
	"github.com/sinkcpu/sinkcpu/kernels"
)

// Priors are the laws of latent points that a network takes: uniform on the cube [0,1]^d, standard normal, or uniform on the unit sphere.
var Priors = []string{"uniform", "normal", "sphere"}

// A Prior is a law of latent points. Its methods keep nothing between calls: all randomness is that of the noise they are handed, whose state
// an objective saves.
type Prior interface {
	// Dim returns the dimension of the points.
	Dim() int

	// Draw fills z, rows of Dim numbers, with independent draws.
	Draw(z []float32, noise *rand.Rand)

	// Point maps a point u of the unit cube of dimension Dim to the point z so that uniform u have the law.
	Point(z, u []float32)

	// String names the law and its parameters. The state of an objective is refused under another name.
	String() string
}

// prior is one of [Priors] in R^dim.
type prior struct {
	name string
	dim  int
}

// NewPrior returns the law of R^dim that has one of the names of [Priors].
func NewPrior(name string, dim int) (Prior, error) { return newPrior(name, dim) }

func newPrior(name string, dim int) (prior, error) {
	if !slices.Contains(Priors, name) {
		return prior{}, fmt.Errorf("generative: unknown prior %q, want one of %s", name, strings.Join(Priors, ", "))
	}
	if dim < 1 {
		return prior{}, fmt.Errorf("generative: the prior %s of dimension %d, want a positive number", name, dim)
	}
	return prior{name, dim}, nil
}

// Dim returns the dimension of the points.
func (p prior) Dim() int { return p.dim }

// String returns the name.
func (p prior) String() string { return p.name }

// Draw fills z with draws.
func (p prior) Draw(z []float32, noise *rand.Rand) { drawPrior(p, noise, z) }

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

// Point maps one point u of the unit cube to the latent space so that uniform u have the law of the prior.
func (p prior) Point(dst, u []float32) {
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
func drawPrior[T kernels.Float](p prior, noise *rand.Rand, z []T) {
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
