package generative

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"

	"gonum.org/v1/gonum/mat"

	"github.com/sinkcpu/sinkcpu/kernels"
	"github.com/sinkcpu/sinkcpu/sinkhorn"
	"github.com/sinkcpu/sinkcpu/sinkhorn/discrepancy"
)

// LatentPenalties are what [AutoEncoder] may add to the cost of its reconstructions, Q_Z being the law of all codes and P_Z the prior:
//
//	none         0
//	kl           E_X KL(Q(Z|X), P_Z), of a Gaussian encoder under the normal prior                  Kingma and Welling 2014
//	mmd          the unbiased MMD^2 between Q_Z and P_Z                                             Tolstikhin et al. 2018
//	sinkhorn     the Sinkhorn divergence between Q_Z and P_Z, cost |z-z'|^2                         Patrini et al. 2018
//	sliced       the sliced Wasserstein distance SW_2^2 between Q_Z and P_Z                         Kolouri et al. 2018
//	gaussian-w2  W_2^2 between normal laws with the moments of Q_Z and P_Z
//	gan          by a discriminator of Q_Z and P_Z                                                  Makhzani et al. 2015
//	avb          E_X KL(Q(Z|X), P_Z) by a discriminator of (X, Z), for any encoder                  Mescheder et al. 2017
var LatentPenalties = []string{"none", "kl", "mmd", "sinkhorn", "sliced", "gaussian-w2", "gan", "avb"}

// imqScales are the multiples of C that the released code of Wasserstein auto-encoders adds up.
var imqScales = []float64{.1, .2, .5, 1, 2, 5, 10}

// latentBandwidths returns those of a kernel between codes: with C = E|z-z'|^2 = 2 d Var under the prior, seven scales of the inverse
// multiquadric s C/(s C + |z-z'|^2), and one Gaussian exp(-|z-z'|^2/C).
func latentBandwidths(kernel string, p prior) []float64 {
	c := 2 * float64(p.dim) * p.variance()
	if kernel != "imq" {
		return []float64{math.Sqrt(c / 2)}
	}
	var widths []float64
	for _, s := range imqScales {
		widths = append(widths, math.Sqrt(s*c/2))
	}
	return widths
}

// newLatentCriterion returns the penalties that compare a cloud of codes with one of the prior; nil for the others.
func newLatentCriterion[T kernels.Float](cfg AutoEncoderConfig, p prior) (Criterion[T], error) {
	switch cfg.Penalty {
	case "mmd":
		return NewMMD[T](MMDConfig{Kernel: cfg.Kernel, Bandwidths: latentBandwidths(cfg.Kernel, p), Unbiased: true, Runner: cfg.Runner})
	case "sinkhorn":
		return NewTransport[T](TransportConfig{
			Loss: "divergence", Self: "same", Cost: "sqeuclidean", Value: sinkhorn.Entropic, Eps: cfg.Eps, OfMean: cfg.OfMean, Steps: cfg.Iters, Runner: cfg.Runner,
		})
	case "sliced":
		return &slicedCriterion[T]{discrepancy.Sliced[T]{Projections: cfg.Projections, Seed: cfg.Seed, Runner: cfg.Runner}}, nil
	case "gaussian-w2":
		return gaussianW2[T]{p.mean(), p.variance()}, nil
	}
	if !slices.Contains(LatentPenalties, cfg.Penalty) {
		return nil, fmt.Errorf("generative: unknown latent penalty %q, want one of %s", cfg.Penalty, strings.Join(LatentPenalties, ", "))
	}
	return nil, nil
}

// slicedCriterion is SW_2^2 with the directions of its Draw.
type slicedCriterion[T kernels.Float] struct{ discrepancy.Sliced[T] }

func (s *slicedCriterion[T]) Clouds() int { return 1 }

func (s *slicedCriterion[T]) Eval(_ context.Context, x, y []T, n, d int, dx, dy []T, _ bool) ([]Metric, error) {
	v, err := s.Sliced.Eval(x, y, n, n, d, dx, dy)
	return []Metric{{"loss", v}}, err
}

// gaussianW2 is, with m and S the mean and the covariance (over n) of the points x,
//
//	|m - mean|^2 + tr S + d variance - 2 sqrt(variance) tr S^(1/2)
//
// which is W_2^2 between the normal laws of these moments and of mean and variance in each coordinate. y is not read.
type gaussianW2[T kernels.Float] struct{ mean, variance float64 }

func (gaussianW2[T]) Clouds() int { return 1 }

func (g gaussianW2[T]) Eval(_ context.Context, x, _ []T, n, d int, dx, _ []T, _ bool) ([]Metric, error) {
	m, s := moments(x, n, d)
	var eig mat.EigenSym
	if !eig.Factorize(s, true) {
		return nil, fmt.Errorf("%w: the covariance of the codes has no eigenvalues", ErrNotFinite)
	}
	var v mat.Dense
	eig.VectorsTo(&v)
	value := float64(d) * g.variance
	for j := range d {
		value += (m[j]-g.mean)*(m[j]-g.mean) + s.At(j, j)
	}
	values := eig.Values(nil)
	inverse := mat.NewDense(d, d, nil) // S^(-1/2) where S is not singular
	for k, e := range values {
		value -= 2 * math.Sqrt(g.variance) * math.Sqrt(max(e, 0))
		if e > 1e-12*values[d-1] {
			c := v.ColView(k)
			var outer mat.Dense
			outer.Outer(1/math.Sqrt(e), c, c)
			inverse.Add(inverse, &outer)
		}
	}
	if dx != nil {
		g.derive(dx, x, m, inverse, n, d)
	}
	return []Metric{{"loss", value}}, nil
}

// derive sets dx_i = (2/n) (m - mean + (I - sqrt(variance) S^(-1/2)) (x_i - m)).
func (g gaussianW2[T]) derive(dx, x []T, m []float64, inverse *mat.Dense, n, d int) {
	root := math.Sqrt(g.variance)
	for i := range n {
		for j := range d {
			v := m[j] - g.mean + float64(x[i*d+j]) - m[j]
			for k := range d {
				v -= root * inverse.At(j, k) * (float64(x[i*d+k]) - m[k])
			}
			dx[i*d+j] = T(2 * v / float64(n))
		}
	}
}

// moments returns mean and covariance of n points, both over n.
func moments[T kernels.Float](x []T, n, d int) (m []float64, s *mat.SymDense) {
	m = make([]float64, d)
	for i := range n {
		for j := range d {
			m[j] += float64(x[i*d+j]) / float64(n)
		}
	}
	sum := make([]float64, d*d)
	for i := range n {
		for j := range d {
			a := (float64(x[i*d+j]) - m[j]) / float64(n)
			for k := j; k < d; k++ {
				sum[j*d+k] += a * (float64(x[i*d+k]) - m[k])
			}
		}
	}
	return m, mat.NewSymDense(d, sum)
}
